/** A server's trace, as it comes, with what its clients do between the lines. */
import type { Server } from "../support/servers.ts";
import { tcpSockets } from "../support/sockets.ts";
import { isClient, type Line, lineFrom, readLine } from "../support/trace_lines.ts";
import { connections, fileAt, type Socket } from "./model.ts";
import { type Recorded, Run } from "./run.ts";

/**
 * What a client does can be told. What is not told follows from what the server is told, and, while that is nothing, from
 * what the kernel holds.
 */
export class Watcher extends Run {
  /** Our clock less the server's; and the server's, at the last pass; ms. */
  #offset = Infinity;
  #now = 0;

  /** `output` gets what the server prints beside its trace; without it that is left out. */
  constructor(recorded: Recorded, readonly server: Server, readonly output?: (text: string) => void) {
    super(recorded);
  }

  /** Take what the server has printed since. */
  pass(): void {
    const now = performance.now();
    const printed = [this.server.stdout, this.server.stderr].flatMap((lines) => lines.splice(0));
    for (const text of printed) {
      const [line] = readLine(text);
      if (line?.call === "setsockopt" && line.text.endsWith(" = 0")) continue; // it changes nothing that is shown
      if (line) {
        this.#offset = Math.min(this.#offset, now - line.time);
        this.#before(line);
        this.#put(line);
      } else if (this.output && text.trim() !== "") {
        this.output(text);
        this.tell("output", text);
      }
    }
    this.#now = now - this.#offset;
    if (printed.length === 0) {
      this.#held().forEach(({ port, bytes, closed }) => this.#acts(port, bytes, closed));
    }
  }

  /** Tell what a client does, or anything else: as it was at the last pass, or before the line at a place. */
  tell(who: string, text: string, note = "", at = this.lines.length): void {
    const time = this.lines[at]?.time ?? Math.max(this.#now, this.lines.at(-1)?.time ?? 0);
    this.splice(at, 0, lineFrom(time, who, text, note));
  }

  #put(line: Line) {
    const last = this.lines.findLastIndex((other) => !isClient(other));
    const other = this.lines[last];
    const goesOn = line.count && other?.count && other.who === line.who; // the trace counts until a call finds something
    if (goesOn) return this.splice(last, 1, { ...line, time: other.time });
    // Lines of several threads may come in any order. When a client did something, nothing was found until then.
    const before = (line.count ?? 0) > 1
      ? last
      : this.lines.findLastIndex((other) => other.time <= line.time || isClient(other));
    const time = Math.min(line.time, this.lines[before + 1]?.time ?? Infinity);
    this.splice(before + 1, 0, { ...line, time });
  }

  /** What clients must have done before the server could be told so. */
  #before(line: Line) {
    const { who, text, call, args, result, note } = line;
    if (!/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) return;
    // It was so when the thread woke, or, if it did not sleep, when it asked.
    const wakes = ({ waits, note }: Line) => waits || note.startsWith("waited");
    const at = wakes(line) ? -1 : this.lines.findLastIndex((other) => other.who === who && wakes(other));
    if (call === "accept4") return this.#acts(Number(note.split(":").at(-1)), 0, false, at);
    const { port } = fileAt(this.state, who, args[0]) as Socket;
    const { bytes, closed } = this.#held().find((held) => held.port === port) ?? { bytes: 0, closed: false };
    if (port > 0) this.#acts(port, Math.max(result, 0) + bytes, result <= 0 || closed, at);
  }

  /** The kernel's connections, with the bytes that nobody has received: in its own count the end is one more. */
  #held() {
    const connections = tcpSockets(this.server.port).filter(({ remote }) => remote > 0);
    return connections.map(({ remote, received, closed }) => (
      { port: remote, closed, bytes: received - Number(closed && received > 0) }
    ));
  }

  /** A client, by its port, has connected, sent so many bytes that nobody has received yet, and closed if it has. */
  #acts(port: number, bytes: number, closed: boolean, place = -1) {
    const clients = connections(this.state);
    const known = clients.findLast((conn) => conn.port === port && !(conn.gone && conn.over));
    const { client = `client ${clients.length + 1}`, unread, fin } = known ?? { unread: 0, fin: closed };
    let at = place === -1 ? this.lines.length : place;
    const tell = (text: string, note?: string) => this.tell(client, text, note, at++);
    if (!known && !closed) tell("connects", `127.0.0.1:${port}`);
    if (!fin && bytes > unread) tell(`sends ${bytes - unread} B`);
    if (!fin && closed) tell("closes");
  }
}
