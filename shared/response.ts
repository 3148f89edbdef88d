/**
 * What every lesson answers: 58 bytes, one of them the body. `Connection: Close`
 * tells the client that the server closes after this answer (RFC 9112, 9.6).
 */
export const RESPONSE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA",
);
