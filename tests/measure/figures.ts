/** What a measurement leaves behind, and the arithmetic on it: medians, ratios, and what cannot be. */
import type { Language, Model } from "../peers/programs.ts";

/**
 * What was measured of a program, and how many clients there were: `at` so many that ask at once, or `beside` so
 * many that are silent.
 * - `cpu`: CPU time of the server and its children for a request, µs; of an empty Worker, for one of them.
 * - `rate`: requests a second.
 * - `switches`: how often the kernel switched its threads for a request.
 * - `idle`: share of a processor while nothing happens, %.
 * - `answers`: those that a client got within a second.
 * - `limit`: threads or descriptors that it had when it could take no more.
 */
export type Quantity =
  | `${"cpu" | "rate" | "switches"} at ${number}`
  | `${"cpu" | "answers"} beside ${number}`
  | "idle"
  | "limit";

/** What a figure is of: a quantity of a program. */
export interface Subject {
  quantity: Quantity;
  model: Model | "empty Worker";
  language: Language;
}

/** What was found in one round. */
export interface Figure extends Subject {
  round: number;
  value: number;
}

/** Everything that one run of `compare` found; it is what `--json` writes. */
export interface Run {
  /** The machine, and the versions of what ran on it, in lines. */
  machine: string[];
  seconds: number;
  figures: Figure[];
  /** What could not be measured, and requests that got no right answer, in words. */
  notes: string[];
  /** Figures that were refused because they cannot be, in words. */
  faults: string[];
}

/** The value in the middle; of two in the middle, the upper. Undefined if there is none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** What was found of a subject, round by round. */
function rounds(figures: readonly Figure[], of: Subject): Map<number, number> {
  return new Map(
    figures.filter(({ quantity, model, language }) =>
      quantity === of.quantity && model === of.model && language === of.language
    ).map(({ round, value }) => [round, value]),
  );
}

/** The median over the rounds, or undefined if it was not measured. */
export function value(figures: readonly Figure[], of: Subject): number | undefined {
  return median([...rounds(figures, of).values()]);
}

/** How many times as much one is as the other: the median of the rounds' ratios, or undefined if there is no such round. */
export function ratio(figures: readonly Figure[], of: Subject, to: Subject): number | undefined {
  const base = rounds(figures, to);
  return median([...rounds(figures, of)].flatMap(([round, value]) => {
    const other = base.get(round);
    return other ? [value / other] : [];
  }));
}

/** A figure that cannot be. */
export class MeasuringFault extends Error {}

/** CPU time that a server used while some time went by, both in seconds. */
export interface Usage {
  readonly seconds: number;
  /** Of all its threads, and its children. */
  readonly cpu: number;
  /** Of its main thread alone. */
  readonly main: number;
}

/** The threads of a model that work at once, where they are few. */
const THREADS: Partial<Record<Model, number>> = {
  "03-thread-pool": 4,
  "04-busy-poll": 1,
  "05-select": 1,
  "06-epoll": 1,
};

/**
 * Throws a {@link MeasuringFault} if a server used more CPU time than there was: its threads, or the machine's
 * processors, for as long as it took. Beside the one thread of `04` to `06` a runtime has threads of its own, so
 * that one is looked at by itself. 2 % are for the clocks, which are not read in the same moment, and 20 ms for
 * children, whose time is counted in ticks of 10 ms, in user mode and in the kernel.
 */
export function checkPossible(model: Model, processors: number, { seconds, cpu, main }: Usage): void {
  const threads = THREADS[model] ?? Infinity;
  const grain = model === "01-fork" ? 0.02 : 0;
  const refuse = (who: string, used: number, most: number) => {
    if (used <= most * seconds * 1.02 + grain) return;
    const there = `${most} × ${seconds.toFixed(3)} s is all there was`;
    throw new MeasuringFault(`${who} used ${used.toFixed(3)} s of CPU time, but ${there}`);
  };
  refuse("the server", cpu, threads === 1 ? processors : Math.min(threads, processors));
  if (threads === 1) refuse("its one thread", main, 1);
}
