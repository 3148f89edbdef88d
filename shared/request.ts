/**
 * Where a request ends. The lessons answer every request alike, so they need
 * to know one thing about it: that all of it has come. TCP delivers bytes, not
 * requests, and one recv(2) may bring half of one.
 */
import type { Socket } from "./socket.ts";

const LF = 10;
const CR = 13;
/** A head longer than this is answered as it is, so that no client fills the memory. */
const MAX_HEAD = 64 * 1024;

/** What has come of one connection's request. */
export class HttpRequest {
  #bytes = new Uint8Array(0);
  #size = 0;
  #atLineStart = false;
  #complete = false;

  /** Take the next bytes. True once: when they end the head (an empty line), or it has passed 64 KiB without one. */
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
    const size = this.#size + data.length;
    if (size > this.#bytes.length) { // twice what it needs, or many small pieces would be copied again and again
      const larger = new Uint8Array(this.#complete ? size : 2 * size);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(data, this.#size);
    this.#size = size;
    if (size > MAX_HEAD) this.#complete = true;
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
