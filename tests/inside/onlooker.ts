/**
 * A server's trace, with what a reader's clients do: that follows from what the server is told, and, while it is told
 * nothing, from what the kernel holds.
 */
import { tcpSockets } from "../support/sockets.ts";
import type { Line } from "../support/trace_lines.ts";
import { connections, fileAt, parts, type Socket } from "./model.ts";
import { Watcher } from "./watch.ts";

export class Onlooker extends Watcher {
  override pass(): boolean {
    const printed = super.pass();
    for (const { port, bytes, closed } of printed ? [] : this.#held()) this.#acts(port, bytes, closed);
    return printed;
  }

  /** The kernel's connections, with the bytes that nobody has received: in its own count the end is one more. */
  #held() {
    return tcpSockets(this.server.port).filter(({ remote }) => remote > 0)
      .map(({ remote: port, received, closed }) => (
        { port, closed, bytes: received - Number(closed && received > 0) }
      ));
  }

  protected override put(line: Line): void {
    const { who, text, call, note } = line;
    const { fd, result } = parts(text);
    if (/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) {
      const accepts = call === "accept4";
      const port = accepts
        ? Number(note.split(":").at(-1))
        : (fileAt(this.state, who, fd) as Socket | undefined)?.port ?? 0;
      const left = this.#held().find((held) => held.port === port)?.bytes ?? 0;
      // It was so when the thread woke, or, if it did not sleep, when it asked.
      const asked = this.lines.findLastIndex((other) => other.who === who && other.waits);
      const woke = this.lines.findIndex((other, i) => i > asked && other.who === who);
      const slept = /^waited/.test((this.lines[woke] ?? line).note);
      const at = asked === -1 || slept && woke === -1 ? undefined : slept ? woke : asked;
      this.#acts(port, accepts ? 0 : Math.max(result, 0) + left, !accepts && result <= 0, at);
    }
    super.put(line);
  }

  /** A client, by its port, has connected, sent so many bytes that nobody has received yet, and closed if it has. */
  #acts(port: number, bytes: number, closed: boolean, at = this.lines.length) {
    const clients = connections(this.state);
    const known = clients.findLast((conn) => conn.port === port && !(conn.gone && conn.over));
    const { client = `client ${clients.length + 1}`, unread = 0, fin = false } = known ?? {};
    if (!known && closed || fin) return;
    if (!known) this.tell(client, "connects", `127.0.0.1:${port}`, at++);
    if (bytes > unread) this.tell(client, `sends ${bytes - unread} B`, "", at++);
    if (closed) this.tell(client, "closes", "", at++);
  }
}
