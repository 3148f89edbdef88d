/** What a lesson answers. */

/**
 * An answer with a body, text or bytes, and with headers such as `{ "Content-Type": "text/html" }`. Its length is counted
 * in bytes. `Connection: Close`: the server closes after it, RFC 9112, 9.6. TypeError: the body is neither.
 */
export function response(
  body: string | Uint8Array,
  status = "200 OK",
  headers: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`response takes text or bytes, no ${typeof bytes}`);
  const lines = { Connection: "Close", "Content-Length": bytes.length, ...headers };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const start = new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${head}\r\n`);
  const whole = new Uint8Array(start.length + bytes.length);
  whole.set(start);
  whole.set(bytes, start.length);
  return whole;
}

/** What every lesson answers: 58 bytes, one of them the body. */
export const RESPONSE: Uint8Array<ArrayBuffer> = response("A");
