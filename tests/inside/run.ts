/** A run that one can step through. */
import { type Line, readLine } from "../support/trace_lines.ts";
import { advance, State } from "./model.ts";
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
export class Run {
  readonly lines: Line[] = [];
  /** One more than lines: the first is before all of them. */
  readonly states: State[] = [new State()];
  /** Steps by their names: words.json, "anchors". */
  readonly anchors: Record<string, number> = { start: 0 };
  readonly title: string;
  readonly recorded: Recorded;

  constructor(recorded: Recorded) {
    this.recorded = recorded;
    this.title = WORDS.titles[recorded.id]?.[lang] ?? recorded.file;
    this.splice(0, 0, ...recorded.lines.flatMap(readLine));
  }

  get state(): State {
    return this.states.at(-1)!;
  }
  /** As an array's: leave out so many lines from one on, and put others there. */
  splice(at: number, count: number, ...lines: Line[]): void {
    lines.push(...this.lines.splice(at).slice(count));
    this.states.length = at + 1;
    for (const line of lines) {
      const before = this.state;
      this.lines.push(line);
      this.states.push(advance(before, line));
      const so = facts(before, this.state, line);
      for (const [name, pattern] of Object.entries(WORDS.anchors)) {
        if (RegExp(pattern).test(so)) this.anchors[name] ??= this.lines.length;
      }
    }
  }
}
