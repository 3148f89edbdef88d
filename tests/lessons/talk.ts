/** What a test says to a server, beyond an ordinary client. */
import { assert } from "@std/assert";
import { REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
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
