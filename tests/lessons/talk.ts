/** What a test says to a server, beyond an ordinary client. */
import { assert } from "@std/assert";
import { get, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { alive } from "../support/proc.ts";
import type { Server } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** One request and as much of an answer, over a connection that may go on. */
export async function answer(conn: Deno.Conn, request = REQUEST): Promise<string> {
  await sendAll(conn, request);
  const buffer = new Uint8Array(RESPONSE_TEXT.length);
  let n = 0;
  while (n < buffer.length) {
    const more = await conn.read(buffer.subarray(n));
    assert(more !== null, "the connection has ended");
    n += more;
  }
  return new TextDecoder().decode(buffer);
}

/** The code that a server ends with, by itself. */
export async function ended(server: Server): Promise<number> {
  await waitFor("the end of the server", () => !alive(server.pid));
  return (await server.status).code;
}

/** How many bytes come until the end of the stream. */
export async function drain(conn: Deno.Conn): Promise<number> {
  let size = 0;
  const buffer = new Uint8Array(1 << 20);
  for (let n; (n = await conn.read(buffer)) !== null;) size += n;
  return size;
}

/** What a promise comes to, if it does so in reasonable time. */
export async function settled<T>(what: string, promise: Promise<T>): Promise<T> {
  let over = false;
  promise.then(() => over = true, () => over = true);
  await waitFor(what, () => over);
  return await promise;
}

/** What a client is answered; nothing, if its connection ends without. */
export const ask = (server: Server, path: string): Promise<string> =>
  settled(`an end for the client of ${path}`, get(server, `GET ${path} HTTP/1.1\r\n\r\n`).catch(() => ""));
