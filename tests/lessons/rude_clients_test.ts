/** Rude clients: no lesson stops for one of them, and none keeps anything of them. */
import { assert, assertEquals } from "@std/assert";
import { connect, get, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { resettable } from "../support/clients.ts";
import { each } from "../support/declare.ts";
import { asleep, children, cpuTicks, resources, settled, SYSCALL } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";

const bigHead = (size: number) => `GET / HTTP/1.1\r\nX: ${"x".repeat(size - 24)}\r\n\r\n`;

/** Each does its worst, and leaves. */
const RUDE: Record<string, (server: Server) => Promise<void>> = {
  async "closes before sending"(server) {
    (await connect(server)).close();
  },
  async "closes after half a request"(server) {
    using conn = await connect(server);
    await sendAll(conn, "GET / HTTP/1.1\r\nHo");
  },
  async "says that it sends nothing more, in the middle of the request"(server) {
    using conn = await connect(server);
    await sendAll(conn, "GET / HTTP/1.1\r\nHo");
    await conn.closeWrite();
    assertEquals(await readAll(conn), "");
  },
  // deno-lint-ignore require-await
  async "resets at once"(server) {
    for (let i = 0; i < 5; i++) resettable(server).close();
  },
  async "resets while the server waits for its request"(server) {
    const conn = resettable(server);
    assertEquals(await get(server), RESPONSE_TEXT); // which was accepted after it
    conn.close();
  },
  async "resets in the middle of the request"(server) {
    const conn = resettable(server);
    conn.send("GET / HTTP/1.1\r\nHo");
    assertEquals(await get(server), RESPONSE_TEXT);
    conn.close();
  },
  // deno-lint-ignore require-await
  async "resets before it reads the answer"(server) {
    for (let i = 0; i < 5; i++) {
      const conn = resettable(server);
      conn.send(REQUEST);
      conn.close();
    }
  },
  async "sends one byte at a time"(server) {
    using conn = await connect(server);
    conn.setNoDelay(true);
    for (const char of REQUEST) await sendAll(conn, char);
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  },
  async "sends a head of 1 MiB, and then reads"(server) {
    assertEquals(await get(server, bigHead(1024 * 1024)), RESPONSE_TEXT);
  },
  async "sends 65 KiB without an empty line, and waits"(server) {
    using conn = await connect(server);
    await sendAll(conn, "x".repeat(65 * 1024));
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  },
  async "sends binary noise and an empty line"(server) {
    const noise = crypto.getRandomValues(new Uint8Array(10_000)).map((byte) => byte === 10 ? 0 : byte);
    assertEquals(await get(server, Uint8Array.of(...noise, 10, 10)), RESPONSE_TEXT);
  },
  async "sends several requests in one packet"(server) {
    assertEquals(await get(server, REQUEST.repeat(500)), RESPONSE_TEXT);
  },
  async "sends a request with a body of 1 MiB"(server) {
    const head = `POST / HTTP/1.1\r\nContent-Length: ${1 << 20}\r\n\r\n`;
    assertEquals(await get(server, head + "x".repeat(1 << 20)), RESPONSE_TEXT);
  },
  async "reads nothing"(server) {
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    assertEquals(await get(server), RESPONSE_TEXT);
  },
};

each("no rude client stops it, or leaves anything behind", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await load(server, 20, 4), []);
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  if (lesson === "02-thread") await waitFor("no thread", () => resources(server).threads === 0);
  if (lesson === "03-thread-pool") await asleep(server, 4, SYSCALL.accept);
  const before = await settled(server);
  for (const [what, rude] of Object.entries(RUDE)) {
    try {
      await rude(server);
      assertEquals(await get(server), RESPONSE_TEXT);
      await waitFor("what it held before", () => {
        const now = resources(server);
        // A runtime opens a few descriptors for itself while it runs. No socket of a client is among them.
        return now.sockets <= before.sockets && now.descriptors <= before.descriptors + 8 &&
          now.threads <= before.threads && now.children === 0;
      });
    } catch (error) {
      const held = JSON.stringify({ before, now: resources(server) });
      throw new Error(`a client that ${what}: ${held}`, { cause: error });
    }
  }
  assertEquals(server.stderr, []);
  await waitFor("no zombie", () => children(server.pid).length === 0);
  if (lesson === "04-busy-poll") return;
  // Nor does it spin.
  const ticks = cpuTicks(server.pid);
  await pause(500);
  assert(cpuTicks(server.pid) - ticks < 10, "it uses the CPU while nothing happens");
});
