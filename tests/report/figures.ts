/** What a measurement leaves behind: figures, and the machine that they are from. It is what `--json` writes. */
import type { Lesson } from "../support/runtimes.ts";

/** What runs a model: a runtime the lesson, CPython its peer. */
export type By = "deno" | "bun" | "node" | "python";
/** Their names. */
export const NAMES: Record<By, string> = { deno: "Deno", bun: "Bun", node: "Node.js", python: "CPython" };

/** One figure, or a few that were measured together. Times are in µs. */
export interface Figure {
  /**
   * serving, growth: under load; idle: while nobody asks anything; memory: what silent clients take;
   * birth: of processes or threads; pool: an ordinary client's answer; limit: what it had when it
   * could take no more; switches: of the processor, under load.
   */
  measure: "serving" | "growth" | "idle" | "memory" | "birth" | "pool" | "limit" | "switches";
  lesson: Lesson;
  by: By;
  /** Clients at once that ask. */
  clients: number;
  /** Clients beside them that are silent. */
  silent: number;
  /** CPU time of the server and its children for a request, or of a birth. */
  cpu?: number;
  /** A birth to its end. */
  time?: number;
  /** Requests a second, and their latencies. */
  rate?: number;
  p50?: number;
  p99?: number;
  max?: number;
  /** Requests that got no right answer. */
  failed?: number;
  /** Share of one processor. */
  share?: number;
  /** Memory for one more silent client, KiB. */
  memory?: number;
  /** Time to an answer; null: none within a second. */
  latency?: number | null;
  /** Threads or descriptors. */
  count?: number;
  /** Switches for a request: because the thread waits, or because another's turn has come. */
  voluntary?: number;
  involuntary?: number;
}

/** The machine, and the versions of what ran on it. */
export interface Machine {
  date: string;
  cpu: string;
  processors: number;
  kernel: string;
  versions: Partial<Record<string, string>>;
}

/** Everything that one run of `compare` found. */
export interface Run {
  machine: Machine;
  seconds: number;
  figures: Figure[];
  /** What could not be measured, in words. */
  missing: string[];
}

/** The value in the middle; of two in the middle, the upper. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** The keys of a figure that hold numbers which differ from round to round. */
export type Value = Exclude<keyof Figure, "measure" | "lesson" | "by" | "clients" | "silent">;

/** The median over the rounds of one value, or undefined if it was not measured. */
export function value(figures: readonly Figure[], where: Partial<Figure>, key: Value): number | undefined {
  const values = select(figures, where).map((figure) => figure[key]).filter((value) =>
    typeof value === "number"
  );
  return values.length > 0 ? median(values) : undefined;
}

/** The figures with all of these properties. */
export function select(figures: readonly Figure[], where: Partial<Figure>): Figure[] {
  const wanted = Object.entries(where) as [keyof Figure, unknown][];
  return figures.filter((figure) => wanted.every(([key, value]) => figure[key] === value));
}

/** The most silent clients beside which such figures were taken. */
export function mostSilent(figures: readonly Figure[], where: Partial<Figure>): number | undefined {
  const counts = select(figures, where).map(({ silent }) => silent);
  return counts.length > 0 ? Math.max(...counts) : undefined;
}
