/** Where a request ends. TCP delivers bytes, not requests, and one recv(2) may bring half of one. */
import type { Socket } from "./socket.ts";

const [LF, CR] = [10, 13];
/** A head longer than this is answered as it is, so that no client fills the memory. */
const MAX_HEAD = 64 * 1024;

/** What has come of one request. The next one on a connection that is kept open needs another. */
export class HttpRequest {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #atLineStart = false;
  #complete = false;

  /** Take the next bytes. True once: when they end the head (an empty line), or it has passed 64 KiB without one. */
  add(data: Uint8Array): boolean {
    if (this.#complete) return false;
    this.#size += data.length;
    for (let i = 0; i < data.length; i++) { // `for … of` takes several times as long here
      this.#complete ||= data[i] === LF && this.#atLineStart;
      if (data[i] !== CR) this.#atLineStart = data[i] === LF;
    }
    this.#complete ||= this.#size > MAX_HEAD;
    // A view keeps all of the memory that recv writes to. So while the rest may be long in coming, take a copy.
    this.#pieces.push(this.#complete ? data : data.slice());
    return this.#complete;
  }

  /** It as text: `"GET /path HTTP/1.1\r\nHost: …"`. Behind the empty line may stand a part of the body. */
  get text(): string {
    const decoder = new TextDecoder(); // a character's bytes may be in two pieces
    return this.#pieces.map((piece) => decoder.decode(piece, { stream: true })).join("");
  }
}

/** Receive a request from a blocking socket, all of it. `null`: the client left first, or it was not there in time. */
export function recvRequest(conn: Socket): HttpRequest | null {
  const request = new HttpRequest();
  for (;;) {
    const data = conn.recv(4096);
    if (data === null || data.length === 0) return null;
    if (request.add(data)) return request;
  }
}
