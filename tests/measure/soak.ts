/**
 * `deno task soak`: 50,000 connections to 01 and 200,000 each to 03, 04, 05 and 06, under each runtime: that none is
 * lost, and that the server has as much open after them as after the first thousand. Then 10,000 silent
 * connections to 04 and 06, and an ordinary client beside them.
 */
import { heavyLoad, hold } from "../support/clients.ts";
import { children, DESCRIPTOR_LIMIT, residentKiB, settled, tasks } from "../support/proc.ts";
import { type Lesson, LESSONS, RUNTIMES } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** Of `count` requests, those that got no right answer, or were not even sent within the hour. */
async function lost(server: Server, clients: number, count: number): Promise<number> {
  return count - (await heavyLoad(server, clients, 3600, { count })).requests;
}

/** What a server has when it has come to rest: MiB, descriptors, sockets among them, threads. */
async function atRest(server: Server): Promise<number[]> {
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  const { sockets, descriptors } = await settled(server);
  return [Math.round(residentKiB(server.pid) / 1024), descriptors, sockets, tasks(server.pid).length];
}

/**
 * What it may have more at the end. A collector that never gets an idle moment lets tens of MiB of garbage gather
 * between full collections; 1 KiB lost for each connection would be 200 MiB. A few descriptors and threads are the
 * runtime's own.
 */
const MORE = [128, 8, 0, 4];

type Soak = (server: Server, count: number) => Promise<{ failed: number; first: number[]; last: number[] }>;

/** Connections that come and go. */
const comeAndGo: Soak = async (server, count) => {
  const early = await lost(server, 50, 1000);
  const first = await atRest(server);
  const failed = early + await lost(server, 50, count);
  return { failed, first, last: await atRest(server) };
};

/** Connections that stay and say nothing, and twenty requests beside them. */
const stay: Soak = async (server, count) => {
  await lost(server, 10, 100);
  const first = await atRest(server);
  const silent = await hold(server, count);
  const failed = await lost(server, 1, 20); // 04 answers the first when it has accepted all the silent ones
  await silent[Symbol.asyncDispose]();
  await waitFor("the end of every connection", async () => (await settled(server)).sockets <= first[2]);
  return { failed, first, last: await atRest(server) };
};

let bad = 0;
async function soak(
  lessons: readonly Lesson[],
  count: number,
  connections: Soak,
  what: string,
): Promise<void> {
  for (const lesson of lessons) {
    for (const runtime of RUNTIMES) {
      await using server = await start(lesson, runtime);
      const { failed, first, last } = await connections(server, count);
      const good = failed === 0 && server.stderr.length === 0 &&
        last.every((n, i) => n <= first[i] + MORE[i]);
      if (!good) bad++;
      const had = first.map((n, i) => `${["MiB", "descriptors", "sockets", "threads"][i]} ${n} → ${last[i]}`);
      console.log(
        `${good ? "ok " : "BAD"} ${lesson} ${runtime}, ${count} ${what}: ${failed} failed; ${had.join(", ")}`,
      );
    }
  }
}
await soak(["01-fork"], 50_000, comeAndGo, "connections");
await soak(LESSONS.slice(2), 200_000, comeAndGo, "connections");
if (DESCRIPTOR_LIMIT > 10_200) await soak(["04-busy-poll", "06-epoll"], 10_000, stay, "silent connections");
Deno.exit(bad === 0 ? 0 : 1);
