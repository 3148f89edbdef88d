/** Each lesson answers, and is the model that it claims to be, seen from outside. */
import assert, { deepStrictEqual as assertEquals } from "node:assert/strict";
import { get, RESPONSE_TEXT, silent } from "../support/clients.ts";
import { BY_ONE, each, nextWaits } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { asleepIn, children, cpuSeconds, mainCall, residentKiB, resources } from "../support/proc.ts";
import { settled, sleeps, tasks, workersIn } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { pause, until } from "../support/wait.ts";

/** With `deno task soak` a hundred times as many, so that it shows in the memory what is kept of each. */
const REQUESTS = Number(Deno.env.get("REQUESTS") ?? 2000);

each("says where it listens, and answers the exact bytes, many at once", LESSONS, async (server, lesson) => {
  const url = `http://127.0.0.1:${server.port}`;
  await until(() => server.stdout.length === 2);
  assertEquals(server.stdout, [`${lesson} listening on ${url}`, `Try: curl -i ${url}   Stop: Ctrl-C`]);
  assertEquals(await get(server), RESPONSE_TEXT);
  const count = REQUESTS / ({ "01-fork": 4, "02-thread": 20 }[lesson as string] ?? 1);
  await answersAll(server, count / 20, 50);
  const [before, KiB] = [await settled(server), residentKiB(server.pid)];
  await answersAll(server, count, 50);
  await until(() => resources(server).sockets <= before.sockets);
  const more = residentKiB(server.pid) - KiB; // garbage, which gathers while a collector has no idle moment
  assert(more < 128 * 1024, `${more} KiB more are in use`);
});

each("a child for each connection, no zombie afterwards", ["01-fork"], async (server, _lesson, runtime) => {
  const name = await Deno.readTextFile(`/proc/${server.pid}/comm`);
  assert(name.startsWith(runtime), `the second start is called ${name}`);
  {
    using _silent = await silent(server, 3);
    await until(() => children(server.pid).length === 3);
    for (const child of children(server.pid)) assertEquals(tasks(child).length, 1); // fork takes one thread along
  }
  await answersAll(server, 20, 5);
  await until(() => children(server.pid).length === 0);
}, { before: ["env", "LESSON_FORKABLE=1"] }); // of another lesson, whose child has started this one

each("a thread for each connection, and none left afterwards", ["02-thread"], async (server) => {
  {
    using _silent = await silent(server, 3);
    await asleepIn(server, 3, "recv");
    await until(() => mainCall(server) === "accept");
    assertEquals(resources(server).threads, 3);
  }
  await until(() => resources(server).threads === 0);
});

each("four threads in accept, and a fifth client waits", ["03-thread-pool"], async (server) => {
  const pool = await asleepIn(server, 4, "accept");
  await nextWaits(4, () => workersIn(server, "recv").length === 4)(server); // nobody accepts the fifth
  assertEquals(await asleepIn(server, 4, "accept"), pool);
});

each("uses the CPU while nothing happens, and never sleeps", ["04-busy-poll"], async (server) => {
  using _silent = await silent(server, 1);
  const before = cpuSeconds(server.pid);
  const seen = new Set<string | undefined>();
  await until(() => seen.add(mainCall(server)) && cpuSeconds(server.pid) > before + 0.5);
  assert(seen.has("running"));
  // futex(2) is the engine's: its main thread may wait for a moment for those that collect garbage.
  for (const call of ["accept", "recv", "select", "epoll_wait"]) {
    assert(!seen.has(call), `it sleeps in ${call}`);
  }
});

each("sleeps while nothing happens", BY_ONE.slice(1), async (server, lesson) => {
  using _silent = await silent(server, 1);
  assertEquals(await get(server), RESPONSE_TEXT);
  const call = lesson === "05-select" ? "select" : "epoll_wait";
  await until(() => mainCall(server) === call);
  const before = sleeps(server.pid);
  await pause(500); // the time in which it must not wake
  assertEquals([sleeps(server.pid), mainCall(server)], [before, call]);
});
