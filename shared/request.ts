/**
 * Where a request ends. The lessons answer every request alike, so they need
 * to know one thing about it: that all of it has come. TCP delivers bytes, not
 * requests, and one recv(2) may bring half of one.
 */
import { SHUT_WR, type Socket } from "./socket.ts";

const LF = 10;
const CR = 13;
/** A head longer than this is answered as it is, so that no client fills the memory. */
const MAX_HEAD = 64 * 1024;
/** The most that {@link lingeringClose} reads of what a client still sends. */
const MAX_REST = 1024 * 1024;

/** What has come of one connection's request. Nothing is stored but how far it has got. */
export class Request {
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
    this.#size += data.length;
    if (this.#size > MAX_HEAD) this.#complete = true;
    return this.#complete;
  }
}

/**
 * Receive one request from a blocking socket, sleeping in recv(2) until all of
 * it is there. False: the client left before that.
 */
export function recvRequest(conn: Socket): boolean {
  const request = new Request();
  for (;;) {
    const data = conn.recv(4096);
    if (data === null || data.length === 0) return false;
    if (request.add(data)) return true;
  }
}

/**
 * Close a blocking connection so that the answer arrives. close(2) on a socket
 * that still has unread bytes, or gets some afterwards, sends a reset, and the
 * reset may overtake the answer. So say "that was all" first, read what the
 * client still sends until it closes too (for one silent second and 1 MiB at
 * most), and close then. Web servers call this a lingering close.
 */
export function lingeringClose(conn: Socket): void {
  conn.shutdown(SHUT_WR);
  conn.settimeout(1);
  for (let rest = MAX_REST; rest > 0;) {
    const data = conn.recv(65536);
    if (data === null || data.length === 0) break;
    rest -= data.length;
  }
  conn.close();
}
