/**
 * A server's trace, with what its clients do between the lines. That follows from what the server is told, and, while it
 * sleeps, from what the kernel holds.
 */
import { tcpSockets } from "../support/sockets.ts";
import { type Line, readLine, writeLine } from "../support/trace_lines.ts";
import { asleep, type Client, clientOf, History, numbers, parts, type Socket, socketAt } from "./model.ts";

/** So many times in a row the same lines are one, with a count. */
const SPINS = 20;

const same = (line: Line, other?: Line) => line.who === other?.who && line.text === other.text;

export class Watcher extends History {
  /** The server's. */
  port = 0;
  /** Lines that wait for what follows them. */
  #pending: Line[] = [];
  #held?: Line;
  /** Lines that come again and again, and how often. */
  #turn: Line[] = [];
  #turns = 0;
  /** Our clock, less the server's, ms. */
  #offset = Infinity;

  /** Whether all that was taken is told. */
  get settled(): boolean {
    return this.#pending.length === 0;
  }

  /** Nobody is awake, but for who spins, and who spins has found all that there is. */
  get atRest(): boolean {
    const { threads, sockets } = this.state;
    const found = sockets.every(({ queue, unread, fin, ended }) =>
      !queue?.length && unread === 0 && (!fin || ended)
    );
    return this.settled && threads.length > 0 &&
      threads.every((thread) => asleep(thread) || thread.spins > 0 && found);
  }

  override add(line: Line): void {
    const last = this.lines.at(-1);
    const name = ({ who, text }: Line) => who + text.replace(/[\d,]+$/, "");
    if (line.count && last?.count && name(line) === name(last)) this.cut(this.lines.length - 1); // it goes on
    const reacts = this.state.threads.find(({ name }) => name === line.who);
    if (last?.who.startsWith("client") && (reacts?.woken || reacts?.spins)) { // this clock is the better one
      this.lines[this.lines.length - 1] = { ...last, time: line.time };
    }
    super.add(line);
    this.#fold(line);
  }

  /** Instead of the same lines again and again, one that counts them. */
  #fold({ time, who }: Line) {
    const again = (length: number, times: number) => {
      const tail = this.lines.slice(-length * times);
      const turn = times > 1 ? tail : this.#turn;
      return tail.length === length * times && tail.every((line, i) => same(line, turn[i % length]));
    };
    const { length } = this.#turn;
    if (length > 0 && this.lines.at(-1 - length)?.count === this.#turns && again(length, 1)) {
      this.cut(this.lines.length - length);
      this.#turns++;
    } else {
      const length = [2, 3, 4].find((length) => again(length, SPINS));
      if (!length) return;
      [this.#turn, this.#turns] = [this.lines.slice(-length), SPINS];
      this.cut(this.lines.length - length * (SPINS - 1)); // once is enough
    }
    const calls = this.#turn.filter(({ waits }) => !waits);
    const text = `${calls.map(({ text }) => text).join(", ")} × ${this.#turns.toLocaleString("en")}`;
    const place = calls.map(({ place }, i) => i ? place.replace(/^.*:/, "") : place).join();
    readLine(writeLine(time, who, text, "", place)).forEach((line) => this.add(line));
  }

  #client(who: string, text: string, note: string, time: number) {
    const after = Math.max(time, this.lines.at(-1)?.time ?? 0);
    readLine(writeLine(after, who, text, note)).forEach((line) => this.add(line));
  }
  #connects(port: number, time: number) {
    this.#client(`client ${this.state.clients.length + 1}`, "connects", `127.0.0.1:${port}`, time);
  }
  /** What a client has sent, of which so many bytes are `taken` already; and its end, if that is so. */
  #acts(
    { name, port }: Client,
    { unread, fin }: Socket,
    time: number,
    ends: (closed: boolean, more: number) => boolean,
    taken = 0,
    first = "",
  ) {
    if (fin) return;
    const { received = 0, closed = false } = tcpSockets(this.port).find(({ remote }) => remote === port) ??
      {};
    const more = taken + received - Number(closed && received > 0) - unread; // the end counts as a byte
    if (more > 0) this.#client(name, `sends ${more} byte${more > 1 ? "s" : ""}`, unread ? "" : first, time);
    if (ends(closed, more)) this.#client(name, "closes", "", time);
  }

  /** What clients have done, and the server has not noticed yet. */
  look(): void {
    const time = performance.now() - this.#offset;
    for (const { remote, closed } of tcpSockets(this.port).filter(({ remote }) => remote > 0)) {
      const find = () => this.state.clients.findLast(({ port, gone }) => port === remote && !gone);
      if (!find() && !closed) this.#connects(remote, time);
      const client = find();
      const socket = this.state.sockets.find(({ id }) => id === client?.socket);
      if (client && socket) this.#acts(client, socket, time, (closed) => closed);
    }
  }

  /** What a client must have done before accept or recv could bring this, or before it could wake somebody. */
  #before({ who, text, call, note }: Line, time: number, wakes = false) {
    const { args, result, error } = parts(text);
    const socket = socketAt(this.state, who, Number(args[0]));
    if (call === "accept4") {
      const port = Number(note.split(":").at(-1));
      const queued = this.state.clients.some((client) =>
        client.port === port && socket?.queue?.includes(client.socket)
      );
      if (result >= 0 && !queued) this.#connects(port, time);
      return;
    }
    const client = clientOf(this.state, socket);
    const ends = (closed: boolean, more: number) =>
      result === 0 || error === "ECONNRESET" || wakes && closed && more === 0;
    const first = note.replace(/^waited [\d.]+ ms,? ?/, "");
    if (client && socket) this.#acts(client, socket, time, ends, Math.max(result, 0), first);
  }

  /** The server's next lines, of which those of several threads may be in any order. */
  take(lines: readonly Line[]): void {
    for (const { time } of lines) this.#offset = Math.min(this.#offset, performance.now() - time);
    this.#pending = [...this.#pending, ...lines].sort((a, b) => a.time - b.time);
    for (let line; (line = this.#pending[0]); this.#pending.shift()) {
      const { text, note, call, time } = line;
      const told = call === "epoll_wait" ? [...note.matchAll(/\b(\d+) IN\b/g)].map(([, fd]) => fd) : [];
      for (const fd of call === "select" ? numbers(note) : told) { // what it was tells the call that follows
        const next = this.#pending.find(({ text }) => RegExp(`^(accept4|recv)\\(${fd}\\) = `).test(text));
        if (next) this.#before(next, time, true);
        else if (this.#held !== line) {
          this.#held = line;
          return;
        }
      }
      if (/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) this.#before(line, time);
      this.add(line);
    }
  }
}
