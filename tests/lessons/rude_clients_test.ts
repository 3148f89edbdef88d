/** Rude clients: no lesson stops for one of them, and none keeps anything of them. */
import assert, { deepStrictEqual as assertEquals } from "node:assert/strict";
import { connect, get, readAll, REQUEST } from "../support/clients.ts";
import { resetting, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { BY_MANY, each } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { asleepIn, children, cpuSeconds, resources, settled } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import type { Server } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const HALF = "GET / HTTP/1.1\r\nHo";
const MB = "x".repeat(1 << 20);
const noise = crypto.getRandomValues(new Uint8Array(10_000)).map((byte) => byte === 10 ? 0 : byte);

/** What a client sends, and then: reads its answer, says that nothing more comes, leaves, resets. */
const RUDE: [
  what: string,
  sends: string | Uint8Array,
  then: "reads" | "ends" | "leaves" | "resets",
][] = [
  ["says nothing", "", "leaves"],
  ["leaves after half a request", HALF, "leaves"],
  ["says in the middle of the request that nothing more comes", HALF, "ends"],
  ["resets while the server waits for its request", "", "resets"],
  ["resets in the middle of the request", HALF, "resets"],
  ["resets before it reads the answer", REQUEST, "resets"],
  ["does not read the answer", REQUEST, "leaves"],
  ["sends a head of 1 MiB before it reads", `GET / HTTP/1.1\r\nX: ${MB}\r\n\r\n`, "reads"],
  ["sends 65 KiB without an empty line", "x".repeat(65 * 1024), "reads"],
  ["sends binary noise", noise, "leaves"],
  ["sends binary noise and an empty line", Uint8Array.of(...noise, 10, 10), "reads"],
  ["sends several requests in one packet", REQUEST.repeat(500), "reads"],
  ["sends a body of 1 MiB", `POST / HTTP/1.1\r\nContent-Length: ${1 << 20}\r\n\r\n${MB}`, "reads"],
];

async function rude(server: Server, sends: string | Uint8Array, then: string) {
  if (then === "resets") {
    for (let i = 0; i < 6; i++) {
      const reset = resetting(server, sends as string);
      if (i === 0) assertEquals(await get(server), RESPONSE_TEXT); // by then it was accepted; the others mostly are not
      reset();
    }
    return;
  }
  using conn = await connect(server);
  await sendAll(conn, sends);
  if (then === "ends") await conn.closeWrite();
  if (then !== "leaves") assertEquals(await readAll(conn), then === "ends" ? "" : RESPONSE_TEXT);
}

each("no rude client stops it, or leaves anything behind", LESSONS, async (server, lesson) => {
  await answersAll(server, 20, 4);
  await until(() => children(server.pid).length === 0);
  if (lesson === "02-thread") await until(() => resources(server).threads === 0);
  if (lesson === "03-thread-pool") await asleepIn(server, 4, "accept");
  const before = await settled(server);
  const gone = () =>
    until(() => {
      const now = resources(server);
      // A runtime opens a few descriptors for itself while it runs. No socket of a client is among them.
      return now.sockets <= before.sockets && now.descriptors <= before.descriptors + 8 &&
        now.threads <= before.threads && now.children === 0;
    });
  for (const [what, sends, then] of RUDE) {
    try {
      await rude(server, sends, then);
      assertEquals(await get(server), RESPONSE_TEXT);
      await gone();
    } catch (error) {
      const held = JSON.stringify({ before, now: resources(server) });
      throw new Error(`a client that ${what}: ${held}`, { cause: error });
    }
  }
  // One stays after its answer. Another has sent its request byte by byte, and goes on. Both have a second.
  using answered = await silent(server, 2);
  const [stays, goesOn] = answered;
  await sendAll(stays, REQUEST);
  goesOn.setNoDelay(true);
  for (const char of REQUEST) await sendAll(goesOn, char);
  for (const conn of [stays, goesOn]) assertEquals(await readAll(conn), RESPONSE_TEXT);
  const seconds = cpuSeconds(server.pid);
  await until(() => goesOn.write(new Uint8Array(1)).then(() => false, () => true));
  await gone();
  assert(lesson === "04-busy-poll" || cpuSeconds(server.pid) - seconds < 0.1, "it spins");

  assertEquals(server.stderr, []);
  await until(() => children(server.pid).length === 0); // nor zombies
});

each("a client that sends more than 1 MiB after its answer is cut off", BY_MANY, async (server) => {
  using conn = await connect(server);
  await sendAll(conn, REQUEST);
  let sent = 0;
  for (let n = 1; n > 0 && sent < 1 << 30; sent += n) {
    n = await conn.write(new Uint8Array(1 << 16)).catch(() => 0);
  }
  assert(sent < 16 << 20, `${sent} bytes went`); // 1 MiB, and what the kernels' buffers hold: tcp(7), tcp_rmem, tcp_wmem
});
