/**
 * `deno task soak`: 50,000 connections to 01 and 200,000 each to 03, 04, 05 and 06, under each runtime: that none is
 * lost, and that what the server has open after them is what it had after the first thousand. Then 10,000 silent
 * connections to 04 and 06, and an ordinary client beside them.
 */
import { heavyLoad, hold } from "../support/clients.ts";
import { children, DESCRIPTOR_LIMIT, residentKiB, settled, tasks } from "../support/proc.ts";
import { type Lesson, LESSONS, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** Of `count` requests, those that got no right answer, or were not even sent within the hour. */
async function lost(server: Server, clients: number, count: number): Promise<number> {
  return count - (await heavyLoad(server, clients, 3600, { count })).requests;
}

/** What a server has when it has come to rest. */
async function atRest(server: Server) {
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  const { sockets, descriptors } = await settled(server);
  const MiB = Math.round(residentKiB(server.pid) / 1024);
  return { MiB, descriptors, sockets, threads: tasks(server.pid).length };
}

/** Connections that come and go; what went wrong, or nothing, stands first. */
async function comeAndGo(
  server: Server,
  count: number,
): Promise<[failed: number, steady: boolean, text: string]> {
  const failedFirst = await lost(server, 50, 1000);
  const first = await atRest(server);
  const failed = failedFirst + await lost(server, 50, count);
  const last = await atRest(server);
  // A collector that never gets an idle moment lets tens of MiB of garbage gather between full collections;
  // 1 KiB lost for each connection would be 200 MiB. A few descriptors and threads more are the runtime's own.
  const steady = last.sockets === first.sockets && last.descriptors <= first.descriptors + 8 &&
    last.threads <= first.threads + 4 && last.MiB <= first.MiB + 128;
  const text = Object.entries(last).map(([what, now]) =>
    `${what} ${first[what as keyof typeof first]} → ${now}`
  );
  return [failed, steady, `${count} connections; ${text.join(", ")}`];
}

/** Connections that stay, and say nothing. */
async function stay(server: Server, count: number): Promise<[failed: number, steady: boolean, text: string]> {
  await lost(server, 10, 100);
  const before = await settled(server);
  let failed: number;
  {
    await using _silent = await hold(server, count);
    failed = await lost(server, 1, 20); // 04 answers the first when it has accepted all the silent ones
  }
  await waitFor("the end of every connection", async () => {
    const now = await settled(server);
    return now.sockets <= before.sockets && now.descriptors <= before.descriptors + 4;
  });
  return [failed, true, `20 requests beside ${count} silent connections, all closed afterwards`];
}

let bad = 0;
async function soak(lesson: Lesson, runtime: Runtime, what: typeof stay, count: number): Promise<void> {
  await using server = await start(lesson, runtime);
  const [failed, steady, text] = await what(server, count);
  const good = failed === 0 && steady && server.stderr.length === 0;
  if (!good) bad++;
  console.log(`${good ? "ok " : "BAD"} ${lesson} ${runtime}: ${failed} failed of ${text}`, ...server.stderr);
}

for (const lesson of LESSONS.filter((lesson) => lesson !== "02-thread")) {
  for (const runtime of RUNTIMES) {
    await soak(lesson, runtime, comeAndGo, lesson === "01-fork" ? 50_000 : 200_000);
  }
}
for (const lesson of ["04-busy-poll", "06-epoll"] as const) {
  const runtimes = DESCRIPTOR_LIMIT < 10_200 ? [] : RUNTIMES;
  for (const runtime of runtimes) await soak(lesson, runtime, stay, 10_000);
}
Deno.exit(bad === 0 ? 0 : 1);
