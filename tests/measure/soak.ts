/**
 * `deno task soak`: 50,000 connections to 01 and 200,000 each to 03, 04, 05 and 06, under each runtime: that none is
 * lost, and that the server has no more open after them than after the first thousand. Then 10,000 silent
 * connections to 04 and 06, and an ordinary client beside them.
 */
import { heavyLoad, silent } from "../support/clients.ts";
import { children, DESCRIPTOR_LIMIT, residentKiB, settled, tasks } from "../support/proc.ts";
import { type Lesson, LESSONS, RUNTIMES } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** Of `count` requests, those that got no right answer, or were not even sent within the hour. */
async function lost(server: Server, clients: number, count: number): Promise<number> {
  return count - (await heavyLoad(server, clients, count)).requests;
}

/**
 * What a server may have more at the end than after the first connections: garbage, which gathers while a collector
 * never gets an idle moment (1 KiB lost for each would be 200 MiB); a few descriptors and threads of the runtime's own.
 */
const MORE = { MiB: 128, sockets: 0, descriptors: 8, threads: 4 };

/** What it has, come to rest. */
async function atRest(server: Server): Promise<typeof MORE> {
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  const { sockets, descriptors } = await settled(server);
  const MiB = Math.round(residentKiB(server.pid) / 1024);
  return { MiB, sockets, descriptors, threads: tasks(server.pid).length };
}

let bad = 0;
/** A thousand connections to a lesson, then `count` more, beside so many silent ones. */
async function soak(lesson: Lesson, count: number, beside = 0): Promise<void> {
  for (const runtime of RUNTIMES) {
    await using server = await start(lesson, runtime);
    let failed = await lost(server, 50, 1000);
    const first = await atRest(server);
    {
      using _silent = await silent(server, beside);
      failed += await lost(server, beside ? 1 : 50, count); // 04 answers the first when it has accepted the silent ones
    }
    if (beside) await waitFor("their end", async () => (await settled(server)).sockets <= first.sockets);
    const last = await atRest(server);
    const keys = Object.keys(MORE) as (keyof typeof MORE)[];
    const same = keys.every((key) => last[key] <= first[key] + MORE[key]);
    const good = failed === 0 && server.stderr.length === 0 && same;
    if (!good) bad++;
    const had = keys.map((key) => `${key} ${first[key]} → ${last[key]}`).join(", ");
    const what = `${count} requests beside ${beside} silent connections`;
    console.log(`${good ? "ok " : "BAD"} ${lesson} ${runtime}: ${failed} of ${what} failed; ${had}`);
  }
}
await soak("01-fork", 50_000);
for (const lesson of LESSONS.slice(2)) await soak(lesson, 200_000);
if (DESCRIPTOR_LIMIT > 10_200) {
  for (const lesson of ["04-busy-poll", "06-epoll"] as const) await soak(lesson, 20, 10_000);
}
Deno.exit(bad === 0 ? 0 : 1);
