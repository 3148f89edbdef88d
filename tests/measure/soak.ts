/**
 * `deno task soak`: 200,000 connections to 03, 04, 05 and 06, 50,000 to 01, under each runtime; and what
 * the server holds after the first thousand and at the end. Then 10,000 silent connections to 04 and 06,
 * and an ordinary client beside them.
 */
import { heavyLoad, hold } from "../support/clients.ts";
import { children, DESCRIPTOR_LIMIT, residentKiB, resources, settled, tasks } from "../support/proc.ts";
import { type Lesson, RUNTIMES } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

const COUNTS: Partial<Record<Lesson, number>> = {
  "01-fork": 50_000,
  "03-thread-pool": 200_000,
  "04-busy-poll": 200_000,
  "05-select": 200_000,
  "06-epoll": 200_000,
};

/** What a server holds when it has come to rest. */
async function held(server: Server) {
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  const { sockets, descriptors } = await settled(server);
  return {
    MiB: Math.round(residentKiB(server.pid) / 1024),
    sockets,
    descriptors,
    threads: tasks(server.pid).length,
  };
}

/** Of `count` requests, those that got no right answer, or were not even sent within the hour. */
async function lost(server: Server, clients: number, count: number): Promise<number> {
  return count - (await heavyLoad(server, clients, 3600, { count })).requests;
}

let bad = 0;
for (const lesson of Object.keys(COUNTS) as Lesson[]) {
  for (const runtime of RUNTIMES) {
    await using server = await start(lesson, runtime);
    const failedFirst = await lost(server, 50, 1000);
    const first = await held(server);
    const failed = failedFirst + await lost(server, 50, COUNTS[lesson]!);
    const last = await held(server);
    // A collector that never gets an idle moment lets tens of MiB of garbage gather between full collections;
    // 1 KiB lost for each connection would be 200 MiB. A few descriptors and threads more are the runtime's own.
    const steady = failed === 0 && server.stderr.length === 0 && last.sockets === first.sockets &&
      last.descriptors <= first.descriptors + 8 &&
      last.threads <= first.threads + 4 &&
      last.MiB <= first.MiB + 128;
    if (!steady) bad++;
    const text = ({ MiB, sockets, descriptors, threads }: typeof first) =>
      `${MiB} MiB, ${descriptors} fds, ${sockets} of them sockets, ${threads} threads`;
    console.log(
      `${steady ? "ok  " : "BAD "} ${lesson} ${runtime}: ${COUNTS[lesson]} connections, ${failed} failed; ${
        text(first)
      } → ${text(last)}`,
    );
  }
}

const SILENT = 10_000;
for (const lesson of ["04-busy-poll", "06-epoll"] as const) {
  for (const runtime of DESCRIPTOR_LIMIT < SILENT + 200 ? [] : RUNTIMES) {
    await using server = await start(lesson, runtime);
    await heavyLoad(server, 10, 600, { count: 100 });
    const before = await settled(server);
    let failed: number;
    {
      await using _silent = await hold(server, SILENT);
      failed = await lost(server, 1, 20); // 04 answers the first when it has taken all the silent ones in
    }
    await waitFor("the end of every connection", () => {
      const now = resources(server);
      return now.sockets <= before.sockets && now.descriptors <= before.descriptors + 4;
    });
    const good = failed === 0 && server.stderr.length === 0;
    if (!good) bad++;
    console.log(
      `${
        good ? "ok  " : "BAD "
      } ${lesson} ${runtime}: beside ${SILENT} silent ones ${failed} of 20 failed; all freed`,
    );
  }
}
Deno.exit(bad === 0 ? 0 : 1);
