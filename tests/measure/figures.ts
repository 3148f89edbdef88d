/** What a measurement leaves behind, and the arithmetic on it: medians, ratios, and what cannot be. */
import type { Language, Model, Program } from "../peers/programs.ts";

/** What is measured. */
export type Quantity =
  | `at ${number}` // CPU time of the server and its children for a request, µs, with so many clients at once
  | `beside ${number}` // the same with one client beside so many silent ones
  | "worker" // CPU time of a Worker that does nothing, µs
  | "rate" // requests a second, of a hundred clients
  | "switches" // how often the kernel switched the server's threads, for each of these requests
  | "idle" // share of a processor while nothing happens, %
  | "answers" // answers within a second, beside as many silent clients as there are threads
  | "limit"; // threads, or descriptors, that it had when it could take no more

/** And of which model: a lesson's number, or `own` for a server as others have made it. */
export type Subject = `${"01" | "02" | "03" | "04" | "05" | "06" | "own"} ${Quantity}`;

/** The name of both. */
export const subject = (model: Model, what: Quantity) => `${model.split(/[- ]/)[0]} ${what}` as Subject;

/** What was found, one figure a round. A round in which a program failed has none. */
export type Figures = { [of in Subject]?: { [language in Language]?: number[] } };

/** Everything that one run of `compare` found; it is what `--json` writes. */
export interface Run {
  /** The machine, and the versions of what ran on it, in lines. */
  machine: string[];
  seconds: number;
  rounds: number;
  figures: Figures;
  /** What could not be measured, and requests that got no right answer, in words. */
  notes: string[];
}

/** The value in the middle of those that are numbers; of two in the middle, the upper. Undefined if there is none. */
export function median(values: readonly number[] = []): number | undefined {
  const found = values.filter(Number.isFinite).sort((a, b) => a - b);
  return found[found.length >> 1];
}

/**
 * The median over the rounds; or, of what is divided by another figure, the median of the rounds' ratios. Undefined: it was
 * not measured.
 */
export function figure(figures: Figures, of: Subject, language: Language, to?: Subject, base = language) {
  const divisor = (round: number) => to ? figures[to]?.[base]?.[round] ?? NaN : 1;
  return median(figures[of]?.[language]?.map((value, round) => value / divisor(round)));
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
  { name, model }: Pick<Program, "name" | "model">,
  processors: number,
  { seconds, cpu, main }: { seconds: number; cpu: number; main: number },
): void {
  const all = model === "03-thread-pool" ? Math.min(4, processors) : processors;
  const one = /^0[456]/.test(model) ? 1 : processors;
  const grain = model === "01-fork" ? 0.02 : 0;
  for (const [who, used, most] of [["the server", cpu, all], ["its main thread", main, one]] as const) {
    if (used <= most * seconds * 1.02 + grain) continue;
    const there = `${most} × ${seconds.toFixed(3)} s is all there was`;
    throw new MeasuringFault(`${name}: ${who} used ${used.toFixed(3)} s of CPU time, but ${there}`);
  }
}
