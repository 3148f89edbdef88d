/** A run that one can step through. */
import { type Line, readLine } from "../support/trace_lines.ts";
import { History } from "./model.ts";
import type { Observation } from "./observe.ts";
import { facts, lang, WORDS } from "./words.ts";

/** What is kept of it. */
export interface Recorded {
  /** By this a link names it: `"05"`, `"06-edge"`. */
  readonly id: string;
  readonly runtime: string;
  readonly file: string;
  readonly source: string;
  /** Lines as `--trace` prints them, with those of the clients, in the order in which things happened. */
  readonly lines: string[];
  /** What the kernel held after so many lines, when all had come to rest. */
  readonly rests: { after: number; seen: Observation }[];
}

/** With what follows from its lines. */
export class Run extends History {
  /** Steps by their names: words.json, "anchors". */
  readonly anchors: Record<string, number> = { start: 0 };
  readonly title: string;
  readonly recorded: Recorded;

  constructor(recorded: Recorded) {
    super();
    this.recorded = recorded;
    this.title = WORDS.titles[recorded.id]?.[lang] ?? recorded.file;
    for (const line of recorded.lines.flatMap(readLine)) this.add(line);
  }

  override add(line: Line): void {
    super.add(line);
    const so = facts(this.states.at(-2)!, this.state, line);
    for (const [name, pattern] of Object.entries(WORDS.anchors)) {
      if (RegExp(pattern).test(so)) this.anchors[name] ??= this.lines.length;
    }
  }
}
