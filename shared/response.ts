/** What a lesson answers. */

/**
 * An answer with a body of its own; its length is counted in bytes. `Connection: Close` tells the client that the
 * server closes after this answer: RFC 9112, 9.6
 */
export function response(body: string, status = "200 OK"): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const length = encoder.encode(body).length;
  return encoder.encode(
    `HTTP/1.1 ${status}\r\nConnection: Close\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}

/** What every lesson answers: 58 bytes, one of them the body. */
export const RESPONSE: Uint8Array<ArrayBuffer> = response("A");
