/** A server's trace, as it comes, with what its clients do between the lines. */
import type { Server } from "../support/servers.ts";
import { isClient, type Line, readLine } from "../support/trace_lines.ts";
import { History } from "./model.ts";

/** A line without its count. */
const uncounted = ({ who, text }: Line) => who + text.replace(/[\d,]+$/, "");

export class Watcher extends History {
  /** Our clock less the server's; and the server's, at the last pass; ms. */
  #offset = Infinity;
  #now = 0;

  /** `output` gets what the server prints beside its trace; without it that is left out. */
  constructor(readonly server: Server, readonly output?: (text: string) => void) {
    super();
  }

  /** Take what the server has printed since. Returns whether that was anything. */
  pass(): boolean {
    const now = performance.now();
    const printed = [this.server.stdout, this.server.stderr].flatMap((lines) => lines.splice(0));
    for (const text of printed) {
      const [line] = readLine(text);
      if (line?.call === "setsockopt" && line.text.endsWith(" = 0")) continue; // it changes nothing that is shown
      if (line) {
        this.#offset = Math.min(this.#offset, now - line.time);
        this.put(line);
      } else if (this.output && text.trim() !== "") {
        this.output(text);
        this.tell("output", text);
      }
    }
    this.#now = now - this.#offset;
    return printed.length > 0;
  }

  /** Tell what a client does, or anything else: as it was at the last pass, or before the line at a place. */
  tell(who: string, text: string, note = "", at = this.lines.length): void {
    const time = this.lines[at]?.time ?? this.#now;
    this.#insert(at, { time, who, text, note, call: text.split(" ")[0], place: "", waits: false });
  }

  /** A line of the server's. Those of several threads may come in any order. */
  protected put(line: Line): void {
    const last = this.lines.findLastIndex((other) => !isClient(other));
    const goesOn = line.count && this.lines[last]?.count && uncounted(line) === uncounted(this.lines[last]);
    const before = this.lines.findLastIndex((other) => other.time <= line.time || isClient(other));
    if (goesOn) this.#insert(last, { ...line, time: this.lines[last].time }, 1);
    else this.#insert(before + 1, line);
  }

  #insert(at: number, line: Line, instead = 0) {
    const after = this.lines.slice(at + instead);
    this.cut(at);
    for (const next of [line, ...after]) this.add(next);
  }
}
