/**
 * Where a request ends. The lessons answer every request alike, so they need
 * to know one thing about it: that all of it has come. TCP delivers bytes, not
 * requests, and one recv(2) may bring half of one.
 */
import { SHUT_RDWR, SHUT_WR, type Socket } from "./socket.ts";

const LF = 10;
const CR = 13;
/** A head longer than this is answered as it is, so that no client fills the memory. */
const MAX_HEAD = 64 * 1024;
/** The most that {@link lingeringClose} reads of what a client still sends. */
const MAX_REST = 1024 * 1024;
/** Seconds that an answered client has to close. */
const LINGER = 1;

const NOTHING = new Uint8Array(0);

/** What has come of one connection's request. */
export class HttpRequest {
  /** The first piece as it came, which mostly is all; with more they are copied, to hold no more than they are. */
  #bytes: Uint8Array = NOTHING;
  #size = 0;
  #atLineStart = false;
  #complete = false;

  /**
   * Look at the next bytes. True once: when they end the head of the request
   * (an empty line), or it has passed 64 KiB without one.
   */
  add(data: Uint8Array): boolean {
    if (this.#complete) return false;
    let atLineStart = this.#atLineStart;
    for (let i = 0; i < data.length; i++) { // `for … of` takes several times as long here
      if (data[i] === LF) {
        if (atLineStart) this.#complete = true;
        atLineStart = true;
      } else if (data[i] !== CR) {
        atLineStart = false;
      }
    }
    this.#atLineStart = atLineStart;
    if (this.#size === 0) this.#bytes = this.#complete ? data : data.slice();
    else {
      if (this.#size + data.length > this.#bytes.length) {
        const larger = new Uint8Array(2 * (this.#size + data.length));
        larger.set(this.#bytes.subarray(0, this.#size));
        this.#bytes = larger;
      }
      this.#bytes.set(data, this.#size);
    }
    this.#size += data.length;
    if (this.#size > MAX_HEAD) this.#complete = true;
    return this.#complete;
  }

  /** What has come, as text: `"GET /path HTTP/1.1\r\nHost: …"`. Behind the empty line may stand a part of the body. */
  get text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(0, this.#size));
  }
}

/**
 * Receive one request from a blocking socket, sleeping in recv(2) until all of
 * it is there. `null`: the client left before that, or the socket's timeout was over.
 */
export function recvRequest(conn: Socket): HttpRequest | null {
  const request = new HttpRequest();
  for (;;) {
    const data = conn.recv(4096);
    if (data === null || data.length === 0) return null;
    if (request.add(data)) return request;
  }
}

/**
 * Close a blocking connection so that the answer arrives. close(2) on a socket
 * that still has unread bytes, or gets some afterwards, sends a reset, and with
 * it what is still on its way is lost. So say "that was all" first, read what the
 * client still sends until it closes too (for one second and 1 MiB at
 * most), and close then. Web servers call this a lingering close.
 */
export function lingeringClose(conn: Socket): void {
  conn.shutdown(SHUT_WR);
  const end = performance.now() + LINGER * 1000;
  for (let rest = MAX_REST, left = LINGER; rest > 0 && left > 0; left = (end - performance.now()) / 1000) {
    conn.settimeout(left); // for this one recv: a client that sends a byte now and then has no second more
    const data = conn.recv(4096);
    if (data === null || data.length === 0) break;
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
    this.#ends.set(conn, performance.now() + LINGER * 1000);
  }

  /**
   * End those that have had a second: when both directions are shut down, recv brings what has come, and then
   * the end of the stream, whatever the client does. Returns the seconds until the next one's are over;
   * `null`: there is none.
   */
  expire(): number | null {
    for (const [conn, end] of this.#ends) {
      if (conn.fileno() !== -1) {
        const left = end - performance.now();
        if (left > 0) return left / 1000;
        conn.shutdown(SHUT_RDWR);
      }
      this.#ends.delete(conn);
    }
    return null;
  }
}
