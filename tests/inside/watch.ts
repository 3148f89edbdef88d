/**
 * A server's trace, with what its clients do between the lines. That follows from what the server is told, and, while it
 * sleeps, from what the kernel holds.
 */
import { tcpSockets } from "../support/sockets.ts";
import { type Line, readLine, writeLine } from "../support/trace_lines.ts";
import { clientOf, History, numbers, parts, socketAt } from "./model.ts";

/** So many times in a row the same lines are one, with a count. */
const SPINS = 20;

export class Watcher extends History {
  /** The server's. */
  port = 0;
  /** From this line on, something is new. */
  fresh = 0;
  /** Lines that wait for what follows them. */
  #pending: Line[] = [];
  #held?: Line;
  /** Lines that came again and again: the last line is their count. */
  #turn: Line[] = [];
  #turns = 0;
  /** Our clock, less the server's, ms. */
  #offset = Infinity;

  /** All that was taken is told, but for a turn that has just begun once more. */
  get settled(): boolean {
    return this.#pending.every((line, i) => same(line, this.#turn[i]));
  }

  #tell(line: Line) {
    if (goesOn(line, this.lines.at(-1))) this.cut(this.lines.length - 1);
    const last = this.lines.at(-1);
    const reacts = this.state.threads.find(({ name }) => name === line.who);
    if (last?.who.startsWith("client") && (reacts?.woken || reacts?.spins)) { // this clock is the better one
      this.lines[this.lines.length - 1] = { ...last, time: line.time };
      this.fresh = Math.min(this.fresh, this.lines.length - 1);
    }
    this.fresh = Math.min(this.fresh, this.lines.length);
    this.add(line);
    for (const length of [2, 3, 4]) {
      const tail = this.lines.slice(-length * SPINS);
      if (
        tail.length < length * SPINS ||
        !tail.every((line, i) => line.count === undefined && same(line, tail[i % length]))
      ) continue;
      this.cut(this.lines.length - length * (SPINS - 1)); // once is enough, and how often
      [this.#turn, this.#turns] = [tail.slice(0, length), SPINS];
      return this.#count(line);
    }
  }
  /** So many turns so far. */
  #count({ time, who }: Line) {
    const calls = this.#turn.filter(({ waits }) => !waits);
    const text = `${calls.map(({ text }) => text).join(", ")} × ${this.#turns.toLocaleString("en")}`;
    const place = calls.map(({ place }, i) => i ? place.replace(/^.*:/, "") : place).join();
    readLine(writeLine(time, who, text, "", place)).forEach((line) => this.#tell(line));
  }
  #client = (who: string, text: string, note: string, time: number) =>
    readLine(writeLine(Math.max(time, this.lines.at(-1)?.time ?? 0), who, text, note)).forEach((line) =>
      this.#tell(line)
    );
  #sends = (who: string, bytes: number, note: string, time: number) =>
    this.#client(who, `sends ${bytes} byte${bytes > 1 ? "s" : ""}`, note, time);
  #connects = (port: number, time: number) =>
    this.#client(`client ${this.state.clients.length + 1}`, "connects", `127.0.0.1:${port}`, time);

  /** The server's next lines, of which those of several threads may be in any order. */
  take(lines: readonly Line[]): void {
    for (const { time } of lines) this.#offset = Math.min(this.#offset, performance.now() - time);
    this.#pending = [...this.#pending, ...lines].sort((a, b) => a.time - b.time);
    while (this.#pending.length > 0) {
      if (this.#turn.length > 0) {
        const turns = this.#turns;
        const goesOn = () => this.#turn.every((line, i) => same(line, this.#pending[i]));
        for (; goesOn(); this.#turns++) this.#pending.splice(0, this.#turn.length);
        if (this.#turns > turns) this.#count({ ...this.#turn[0], time: lines.at(-1)!.time });
        if (this.settled) return;
        this.#turn = [];
      }
      const [line, ...later] = this.#pending;
      const { text, note, call, time } = line;
      const ready = call === "select"
        ? numbers(note)
        : call === "epoll_wait"
        ? [...note.matchAll(/\b(\d+) IN\b/g)].map(([, fd]) => Number(fd))
        : [];
      for (const fd of ready) { // what it was tells the call that follows
        const next = later.find(({ text }) => RegExp(`^(accept4|recv)\\(${fd}\\) = `).test(text));
        if (next) this.#before(next, time, true);
        else if (this.#held !== line) {
          this.#held = line;
          return;
        }
      }
      if (/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) this.#before(line, time);
      this.#tell(line);
      this.#pending = later;
    }
  }

  /** What a client must have done before accept or recv could bring this, or before it could wake somebody. */
  #before({ who, text, call, note }: Line, time: number, wakes = false) {
    const { args, result, error } = parts(text);
    const socket = socketAt(this.state, who, Number(args[0]));
    if (call === "accept4") {
      const port = Number(note.split(":").at(-1));
      const queued = socket?.queue?.map((id) =>
        this.state.clients.find((client) => client.socket === id)?.port
      );
      if (result >= 0 && !queued?.includes(port)) this.#connects(port, time);
      return;
    }
    const client = clientOf(this.state, socket);
    if (!client || !socket) return;
    const { waiting, closed } = this.#kernel(client.port);
    const more = Math.max(result, 0) + waiting - socket.unread;
    const first = socket.unread === 0 ? note.replace(/^waited [\d.]+ ms,? ?/, "") : "";
    if (more > 0) this.#sends(client.name, more, first, time);
    const ends = result === 0 || error === "ECONNRESET" || wakes && closed && more === 0;
    if (ends && !socket.fin) this.#client(client.name, "closes", "", time);
  }

  /** What the kernel has of a client: bytes that nobody has received, and whether it has closed. */
  #kernel(port: number): { waiting: number; closed: boolean } {
    const { received, closed } = tcpSockets(this.port).find(({ remote }) => remote === port) ??
      { received: 0, closed: false };
    return { waiting: received - Number(closed && received > 0), closed }; // the end counts as one
  }

  /** What clients have done, and the server has not noticed yet. */
  look(): void {
    const time = performance.now() - this.#offset;
    for (const { remote, closed } of tcpSockets(this.port).filter(({ remote }) => remote > 0)) {
      const find = () => this.state.clients.findLast(({ port, gone }) => port === remote && !gone);
      if (!find() && !closed) this.#connects(remote, time);
      const client = find();
      const socket = this.state.sockets.find(({ id }) => id === client?.socket);
      if (!client || !socket || socket.fin) continue;
      const more = this.#kernel(remote).waiting - socket.unread;
      if (more > 0) this.#sends(client.name, more, "", time);
      if (closed) this.#client(client.name, "closes", "", time);
    }
  }
}

const same = (line: Line, other?: Line) => line.who === other?.who && line.text === other.text;

/** Whether a count goes on where another has ended. */
function goesOn(line: Line, last?: Line): boolean {
  const name = ({ who, text }: Line) => who + text.replace(/[\d,]+$/, "");
  return line.count !== undefined && last?.count !== undefined && name(line) === name(last);
}
