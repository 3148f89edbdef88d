/**
 * A server's trace, with what its clients do between the lines. That follows from what the server is told, and, while it
 * sleeps, from what the kernel holds.
 */
import type { Server } from "../support/servers.ts";
import { tcpSockets } from "../support/sockets.ts";
import { isClient, type Line, readLine, writeLine } from "../support/trace_lines.ts";
import {
  asleep,
  connections,
  fileAt,
  has,
  History,
  numbers,
  parts,
  references,
  type Socket,
} from "./model.ts";
import type { Recorded } from "./run.ts";

/** The descriptors of which select or epoll_wait tells that they can be read. */
function told({ call, note }: Line): number[] {
  if (call === "select") return numbers(note);
  return call === "epoll_wait" ? [...note.matchAll(/\b(\d+) IN\b/g)].map(([, fd]) => Number(fd)) : [];
}
/** What a call brought, without how long it took. */
const brought = ({ note }: Line) => note.replace(/^waited [\d.]+ ms,? ?/, "");

export class Watcher extends History {
  /** What was seen of the kernel, after so many lines. */
  readonly rests: Recorded["rests"] = [];
  /** Our clock, less the server's, ms. */
  #offset = Infinity;

  /** `output` gets what the server prints beside its trace; without it that is left out. */
  constructor(readonly server: Server, readonly output?: (text: string) => void) {
    super();
  }

  /** Nobody is awake, but for who spins, and who spins has found all that there is. */
  get atRest(): boolean {
    const { threads, sockets } = this.state;
    const found = sockets.every((socket) => !has(socket) || socket.ended || socket.over);
    return threads.length > 0 &&
      threads.every((thread) => asleep(this.state, thread) || thread.spins > 0 && found);
  }

  /** Take what the server has printed; when that is nothing new, look what its clients have done. */
  pass(): void {
    const { stdout, stderr } = this.server;
    const printed = [...stdout.splice(0), ...stderr.splice(0)];
    const now = performance.now();
    for (const text of printed) {
      const [line] = readLine(text);
      if (line?.call === "setsockopt" && line.text.endsWith(" = 0")) continue; // it changes nothing that is shown
      if (line) {
        this.#offset = Math.min(this.#offset, now - line.time);
        this.#before(line);
        this.#put(line);
      } else if (this.output && text.trim() !== "") {
        this.output(text);
        this.say(text);
      }
    }
    // Who spins notices what clients do, and tells it when it was so.
    const spins = this.state.threads.some(({ spins }) => spins > 0);
    if (printed.length === 0 && !spins) this.#look(now - this.#offset);
  }

  /** A line of text from the server, or to the reader. */
  say(text: string): void {
    const time = this.lines.at(-1)?.time ?? 0;
    this.add({ time, who: "output", text, call: "output", note: "", place: "", waits: false });
  }

  #put(line: Line) {
    const [last, name] = [this.lines.at(-1), ({ who, text }: Line) => who + text.replace(/[\d,]+$/, "")];
    const goesOn = line.count && last?.count && name(line) === name(last);
    if (goesOn) return this.#insert(this.lines.length - 1, line, 1);
    // Lines of several threads may come in any order. Of when a client did something, the server's time tells better.
    const before = this.lines.findLastIndex((other) => other.time <= line.time || isClient(other));
    const other = this.lines[before];
    if (other?.time > line.time) this.lines[before] = { ...other, time: line.time };
    this.#insert(before + 1, line);
  }
  #insert(at: number, line: Line, instead = 0) {
    // A line that comes late belongs before a rest that was seen already.
    for (const rest of this.rests) if (rest.after > at) rest.after += 1 - instead;
    const after = this.lines.slice(at + instead);
    this.cut(at);
    for (const next of [line, ...after]) this.add(next);
  }

  /** What clients must have done before a server could be told so. */
  #before(line: Line) {
    const { who, text, call, note, time } = line;
    const { fd, result, error } = parts(text);
    const thread = this.state.threads.find(({ name }) => name === who);
    if (told(line).length > 0 && thread && asleep(this.state, thread)) this.#look(time);
    if (!/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) return;
    // It calls since its last wait told it so; if that did not have to wait, it was so before.
    const wait = this.lines.findLastIndex((other) => other.who === who && other.waits);
    const back = this.lines.findIndex((other, i) => i > wait && other.who === who);
    const wake = this.lines[back] ?? line;
    const since = /^waited/.test(wake.note) ? back : wait;
    const at = wake === line || told(wake).includes(fd) ? since : -1;
    const conn = fileAt(this.state, who, fd) as Socket;
    if (call === "accept4") this.#acts(Number(note.split(":").at(-1)), 0, false, time, at);
    else if (conn?.client) {
      const left = this.#held().find(({ remote }) => remote === conn.port)?.bytes ?? 0;
      this.#acts(conn.port, Math.max(result, 0) + left, result === 0 || !!error, time, at, brought(line));
    }
  }

  /** What clients have done, and the server has not noticed yet. */
  #look(time: number): void {
    for (const { remote, bytes, closed } of this.#held()) this.#acts(remote, bytes, closed, time);
  }
  /** The kernel's connections, with the bytes that nobody has received: in its own count the end is one more. */
  #held() {
    const connections = tcpSockets(this.server.port).filter(({ remote }) => remote > 0);
    return connections.map(({ remote, received, closed }) => (
      { remote, closed, bytes: received - Number(closed && received > 0) }
    ));
  }

  /** A client, by its port, has connected, sent so many bytes that nobody has received yet, and closed if it has. */
  #acts(port: number, bytes: number, closed: boolean, time: number, at = -1, first = "") {
    if (at === -1) at = this.lines.length;
    const ended = (conn: Socket) => conn.gone && references(this.state, conn) === 0; // its port may be used again
    const find = () => connections(this.state).findLast((conn) => conn.port === port && !ended(conn));
    const tell = (who: string, text: string, note = "", instead = 0) => {
      const when = this.lines[at]?.time ?? Math.max(time, this.lines.at(-1)?.time ?? 0);
      this.#insert(at - instead, readLine(writeLine(when, who, text, note))[0], instead);
      at += 1 - instead;
    };
    const count = connections(this.state).length;
    if (!closed && !find()) tell(`client ${count + 1}`, "connects", `127.0.0.1:${port}`);
    const { client, unread = 0, fin = true } = find() ?? {};
    const last = this.lines[at - 1];
    const known =
      at < this.lines.length && last?.who === client && Number(/^sends (\d+)/.exec(last.text)?.[1]) || 0;
    const more = bytes - unread;
    if (!fin && more > 0) {
      const all = known + more;
      tell(client!, `sends ${all} byte${all > 1 ? "s" : ""}`, unread > known ? "" : first, known && 1);
    }
    if (!fin && closed) tell(client!, "closes");
  }
}
