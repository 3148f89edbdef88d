/** Each lesson answers, and is the model that it claims to be, seen from outside. */
import { assert, assertEquals } from "@std/assert";
import {
  connect,
  get,
  heavyLoad,
  load,
  readAll,
  REQUEST,
  RESPONSE_TEXT,
  sendAll,
} from "../support/clients.ts";
import { BY_ONE, each } from "../support/declare.ts";
import { asleep, children, cpuTicks, mainCall, sleeps, SYSCALL, tasks } from "../support/proc.ts";
import { resources, unread, workersIn } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";

const PERMISSIONS = { command: [Deno.execPath(), "run", "--allow-ffi", "--allow-read", "--no-prompt"] };

each("says where it listens, and answers the exact bytes, many at once", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime, runtime === "deno" ? PERMISSIONS : {});
  const url = `http://127.0.0.1:${server.port}`;
  await waitFor("the second line", () => server.stdout.length === 2);
  assertEquals(server.stdout, [`${lesson} listening on ${url}`, `Try: curl -i ${url}   Stop: Ctrl-C`]);
  assertEquals(await get(server), RESPONSE_TEXT);
  // Nobody's answer is lost. `deno task soak` sends 50,000 to 01, and has the time for it.
  const count = lesson === "01-fork" || lesson === "02-thread" ? 100 : 10_000;
  const { requests, failed } = await heavyLoad(server, 100, 600, { count });
  assertEquals({ requests, failed }, { requests: count, failed: 0 });
});

const OTHERS_GO_ON = LESSONS.filter((lesson) => lesson !== "03-thread-pool");
each("a silent client does not stop the others", OTHERS_GO_ON, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using silent = await connect(server);
  assertEquals(await load(server, 5, 2), []);
  await sendAll(silent, REQUEST); // it was served late, but it is served
  assertEquals(await readAll(silent), RESPONSE_TEXT);
});

each("a child for each connection, and no zombie afterwards", ["01-fork"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(children(server.pid), []);
  const silent = [await connect(server), await connect(server), await connect(server)];
  await waitFor("three children", () => children(server.pid).length === 3);
  for (const child of children(server.pid)) assertEquals(tasks(child).length, 1); // fork takes one thread along
  for (const conn of silent) conn.close();
  assertEquals(await load(server, 20, 5), []);
  await waitFor("no child and no zombie", () => children(server.pid).length === 0);
});

each("a thread for each connection, and none left afterwards", ["02-thread"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(workersIn(server, SYSCALL.recv), []);
  const silent = [];
  for (let count = 1; count <= 3; count++) {
    silent.push(await connect(server));
    await asleep(server, count, SYSCALL.recv);
  }
  await waitFor("the main thread in accept", () => SYSCALL.accept.includes(mainCall(server)));
  assertEquals(resources(server).threads, 3);
  for (const conn of silent) conn.close();
  await waitFor("no thread", () => resources(server).threads === 0);
});

each("four threads in accept, and a fifth client waits", ["03-thread-pool"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  const pool = await asleep(server, 4, SYSCALL.accept);
  const silent = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
  await asleep(server, 4, SYSCALL.recv);
  using fifth = await connect(server);
  await sendAll(fifth, REQUEST);
  await unread(server);
  // Nobody accepts it: the same four threads stay where they are.
  const tids = (await asleep(server, 4, SYSCALL.recv)).map(({ tid }) => tid);
  assertEquals(tids, pool.map(({ tid }) => tid));
  silent.pop()!.close();
  assertEquals(await readAll(fifth), RESPONSE_TEXT);
  for (const conn of silent) conn.close();
  await asleep(server, 4, SYSCALL.accept);
});

each("uses the CPU while nothing happens, and never sleeps", ["04-busy-poll"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using _silent = await connect(server);
  const before = cpuTicks(server.pid);
  const seen = new Set<string>();
  await waitFor("half a second of CPU time", () => {
    seen.add(mainCall(server));
    return cpuTicks(server.pid) > before + 50;
  });
  assert(seen.has("running"));
  // futex(2) is the engine's: its main thread may wait for a moment for those that collect garbage.
  const { accept, recv, select, epoll_wait } = SYSCALL;
  for (const call of [accept, recv, select, epoll_wait].flat()) {
    assert(!seen.has(call), `it sleeps in system call ${call}`);
  }
});

each("sleeps while nothing happens", BY_ONE.slice(1), async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using _silent = await connect(server);
  assertEquals(await get(server), RESPONSE_TEXT);
  const calls = lesson === "05-select" ? SYSCALL.select : SYSCALL.epoll_wait;
  const inCall = () => (calls as string[]).includes(mainCall(server));
  await waitFor(`the main thread in ${calls}`, inCall);
  const before = sleeps(server.pid);
  await pause(500); // the time in which it must not wake
  assertEquals(sleeps(server.pid), before);
  assert(inCall());
});
