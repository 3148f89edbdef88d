/**
 * `deno task soak`: 50,000 connections to 01 and 200,000 each to 03, 04, 05 and 06, under each runtime: none is lost, and
 * the server has no more open after them than after the first thousand. And an ordinary client of 04 and 06 beside 10,000
 * silent ones.
 */
import { assert, assertEquals } from "@std/assert";
import { silent } from "../support/clients.ts";
import { each } from "../support/declare.ts";
import { heavyLoad } from "../support/load.ts";
import { children, DESCRIPTOR_LIMIT, residentKiB, settled, tasks } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import type { Server } from "../support/servers.ts";
import { until } from "../support/wait.ts";

/** What a server has, come to rest. */
async function atRest(server: Server) {
  await until(() => children(server.pid).length === 0);
  const { sockets, descriptors } = await settled(server);
  return { MiB: residentKiB(server.pid) >> 10, sockets, descriptors, threads: tasks(server.pid).length };
}

/**
 * What it may have more at the end than after the first connections: garbage, which gathers while a collector never gets
 * an idle moment (1 KiB lost for each would be 200 MiB); a few descriptors and threads of the runtime's own.
 */
const MORE = { MiB: 128, sockets: 0, descriptors: 8, threads: 4 };

/** A thousand connections, then `count` more, beside so many silent ones. */
const soak = (count: number, beside: number) => async (server: Server, lesson: string, runtime: string) => {
  let lost = 1000 + count; // what got no right answer, or was not even sent within the hour
  lost -= (await heavyLoad(server, { clients: 50, count: 1000 })).requests;
  const first = await atRest(server);
  {
    using _silent = await silent(server, beside);
    const clients = beside ? 1 : 50; // 04 answers the first when it has accepted the silent ones
    lost -= (await heavyLoad(server, { clients, count })).requests;
  }
  await until(async () => (await settled(server)).sockets <= first.sockets);
  const last = await atRest(server);
  const keys = Object.keys(MORE) as (keyof typeof MORE)[];
  const had = keys.map((key) => `${key} ${first[key]} → ${last[key]}`).join(", ");
  console.log(`${lesson} ${runtime}: ${lost} of ${1000 + count} requests lost; ${had}`);
  assert(keys.every((key) => last[key] <= first[key] + MORE[key]));
  assertEquals([lost, server.stderr], [0, []]);
};
each("50,000 connections", ["01-fork"], soak(50_000, 0));
each("200,000 connections", LESSONS.slice(2), soak(200_000, 0));
const ignore = DESCRIPTOR_LIMIT < 10_200;
each("a client beside 10,000 silent ones", ["04-busy-poll", "06-epoll"], soak(20, 10_000), { ignore });
