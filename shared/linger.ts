/**
 * Closing a connection so that the answer arrives. A socket that is closed with bytes unread, or gets some afterwards,
 * sends a reset, and what was on its way is lost. So say "that was all", and let the client close first.
 */
import { timeval } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { SHUT_RDWR, SHUT_WR, SO_RCVTIMEO, type Socket, SOL_SOCKET } from "./socket.ts";

/** Seconds that an answered client has to close. */
const LINGER = 1;
/** The most that {@link lingeringClose} reads of what a client still sends. */
const MAX_REST = 1024 * 1024;

/** Close a blocking connection: shutdown(2), recv(2) until the client closes, for a second and 1 MiB at most, close(2). */
export function lingeringClose(conn: Socket): void {
  conn.shutdown(SHUT_WR);
  const end = runtime.monotonic() + LINGER;
  for (let rest = MAX_REST, left = LINGER; rest > 0 && left > 0; left = end - runtime.monotonic()) {
    conn.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval(left)); // one second for all of its bytes, not for each
    const data = conn.recv(4096);
    if (!data?.length) break;
    rest -= data.length;
  }
  conn.close();
}

/** The answered clients of a loop that never blocks on one: {@link lingeringClose} for many at once. */
export class Lingering {
  /** When each one's second is over. They come in the order of their answers, so the first is the next. */
  readonly #ends = new Map<Socket, number>();

  /** Say "that was all" to a client: when it has read that, it closes, and recv brings the end of the stream. */
  add(conn: Socket): void {
    conn.shutdown(SHUT_WR);
    this.#ends.set(conn, runtime.monotonic() + LINGER);
  }

  /**
   * Shut down both directions of those that have had a second: then recv brings the end of the stream, whatever a client
   * does. Returns the seconds until the next one's is over; `null`: there is none.
   */
  expire(): number | null {
    for (const [conn, end] of this.#ends) {
      const left = conn.fileno() === -1 ? 0 : end - runtime.monotonic();
      if (left > 0) return left;
      if (conn.fileno() !== -1) conn.shutdown(SHUT_RDWR);
      this.#ends.delete(conn);
    }
    return null;
  }
}
