/** Clients: ordinary ones, silent ones, those that reset. */
import { connection, libc } from "./syscalls.ts";
import { inTime } from "./wait.ts";

/** What every lesson answers, once more: a test must not take it from what it tests. */
export const RESPONSE_TEXT = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA";
/** What an ordinary client sends. */
export const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** Connect, and leave it at that. */
export function connect(server: { port: number }): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: server.port });
}

/** So many clients that say nothing, and leave with the block. */
export async function silent(server: { port: number }, count: number): Promise<Deno.TcpConn[] & Disposable> {
  const conns = await Promise.all(Array.from({ length: count }, () => connect(server)));
  return Object.assign(conns, { [Symbol.dispose]: () => conns.forEach((conn) => conn[Symbol.dispose]()) });
}

/** Send all of it: one write may take a part. */
export async function sendAll(conn: Deno.Conn, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

/** Everything until the end of the stream, or until it ends with `last`. A reset throws. */
export async function readAll(conn: Deno.Conn, last?: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1 << 16);
  let text = "";
  while (!last || !text.endsWith(last)) {
    const n = await inTime("more of an answer, or its end", conn.read(buffer));
    if (n === null) break;
    text += decoder.decode(buffer.subarray(0, n), { stream: true });
  }
  return text;
}

/** One ordinary client: everything that it was answered. */
export async function get(server: { port: number }, request: string | Uint8Array = REQUEST): Promise<string> {
  using conn = await connect(server);
  await sendAll(conn, request);
  return await readAll(conn);
}

/** What a client of `path` is answered; nothing, if its connection ends without. */
export const ask = (server: { port: number }, path: string): Promise<string> =>
  get(server, `GET ${path} HTTP/1.1\r\n\r\n`).catch((error) => {
    if (/reset by peer/i.test(error.message)) return "";
    throw error;
  });

/** One request and the first answer to it, over a connection that may go on. */
export async function answer(conn: Deno.Conn, request = REQUEST): Promise<string> {
  await sendAll(conn, request);
  return await readAll(conn, "\r\n\r\nA");
}

/** A client that sends this, and resets its connection when the result is called: with SO_LINGER 0, close(2) sends RST. */
export function resetting({ port }: { port: number }, text: string): () => void {
  const fd = connection(port);
  libc.setsockopt(fd, 1, 13, Int32Array.of(1, 0), 8);
  libc.send(fd, new TextEncoder().encode(text), text.length, 0);
  return () => libc.close(fd);
}
