/** What a measurement leaves behind, and the arithmetic on it: medians, ratios, and what cannot be. */
import type { Language, Model } from "../peers/programs.ts";

/**
 * What was measured of a model, with how many clients.
 * - `at 10`: CPU time of the server and its children for a request, µs, with ten clients at once.
 * - `beside 990`: the same with one client beside 990 silent ones.
 * - `rate`: requests a second, of a hundred clients. `switches`: of its threads by the kernel, for each of them.
 * - `idle`: share of a processor while nothing happens, %.
 * - `answers`: those within a second beside as many silent clients as there are threads.
 * - `limit`: threads or descriptors that it had when it could take no more.
 */
export type Quantity = `${"at" | "beside"} ${number}` | "rate" | "switches" | "idle" | "answers" | "limit";

/** Of which model: a lesson's number, `own` for a server as others have made it, `empty` for an empty Worker. */
export type Subject = `${"01" | "02" | "03" | "04" | "05" | "06" | "own" | "empty"} ${Quantity}`;

/** The beginning of a {@link Subject}. */
export const short = (model: Model) => model.split(/[- ]/)[0] as "01" | "own";

/** What was found of one program in one round. */
export interface Figure {
  of: Subject;
  language: Language;
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
}

/** The value in the middle; of two in the middle, the upper. Undefined if there is none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** What was found of it, a figure a round. */
const rounds = (figures: readonly Figure[], of: Subject, language: Language) =>
  figures.filter((figure) => figure.of === of && figure.language === language);

/** The median over the rounds, or undefined if it was not measured. */
export const value = (figures: readonly Figure[], of: Subject, language: Language): number | undefined =>
  median(rounds(figures, of, language).map(({ value }) => value));

/** How many times as much as another figure: the median of the rounds' ratios, or undefined if there is none. */
export function ratio(figures: readonly Figure[], of: [Subject, Language], to: [Subject, Language]) {
  const base = rounds(figures, ...to).filter(({ value }) => value > 0);
  const ratios = rounds(figures, ...of).flatMap(({ round, value }) =>
    base.filter((other) => other.round === round).map((other) => value / other.value)
  );
  return median(ratios);
}

/** A figure that cannot be: the measurement is wrong, and nothing of it counts. */
export class MeasuringFault extends Error {}

/**
 * Throws a {@link MeasuringFault} if a server used more CPU time than there was: its threads, or the machine's
 * processors, for as long as it took. `cpu` is that of all its threads and children, `main` of its main thread alone, s:
 * beside the one thread of `04` to `06` a runtime has threads of its own. 2 % are for the clocks, which are not
 * read in the same moment, and 20 ms for children, whose time is counted in ticks of 10 ms, in user mode and the kernel.
 */
export function checkPossible(
  model: Model,
  processors: number,
  { seconds, cpu, main }: { seconds: number; cpu: number; main: number },
): void {
  const all = Math.min(model === "03-thread-pool" ? 4 : Infinity, processors);
  const one = /^0[456]/.test(model) ? 1 : processors;
  const grain = model === "01-fork" ? 0.02 : 0;
  for (const [who, used, most] of [["the server", cpu, all], ["its main thread", main, one]] as const) {
    if (used <= most * seconds * 1.02 + grain) continue;
    const there = `${most} × ${seconds.toFixed(3)} s is all there was`;
    throw new MeasuringFault(`${who} used ${used.toFixed(3)} s of CPU time, but ${there}`);
  }
}
