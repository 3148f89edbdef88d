/** Each lesson answers, and is the model that it claims to be, seen from outside. */
import { assert, assertEquals } from "@std/assert";
import { connect, get, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { children, cpuTicks, mainCall, sleeps, SYSCALL, tasks, workersIn } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import { each } from "./each.ts";

each("answers the exact bytes, one after another and twenty at once", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(await load(server, 20, 1), []);
  assertEquals(await load(server, 20, 20), []);
});

const OTHERS_GO_ON = ["01-fork", "02-thread", "04-busy-poll", "05-select", "06-epoll"] as const;
each("a silent client does not stop the others", OTHERS_GO_ON, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using silent = await connect(server);
  assertEquals(await load(server, 10, 2), []);
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
  const inRecv = () => workersIn(server, SYSCALL.recv);
  assertEquals(inRecv(), []);
  const silent = [];
  for (let count = 1; count <= 3; count++) {
    silent.push(await connect(server));
    await waitFor(`thread ${count} in recv`, () => inRecv().length === count);
  }
  await waitFor("the main thread in accept", () => SYSCALL.accept.includes(mainCall(server)));
  const workers = () => tasks(server.pid).filter(({ name }) => /^worker/i.test(name)).length;
  assertEquals(workers(), 3);
  for (const conn of silent) conn.close();
  await waitFor("no thread", () => workers() === 0);
});

each("four threads in accept, and a fifth client waits", ["03-thread-pool"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  const pool = await waitFor("four threads in accept", () => {
    const threads = workersIn(server, SYSCALL.accept);
    return threads.length === 4 && threads;
  });
  const silent = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
  await waitFor("four threads in recv", () => workersIn(server, SYSCALL.recv).length === 4);
  using fifth = await connect(server);
  await sendAll(fifth, REQUEST);
  let answered = false;
  const answer = readAll(fifth).then((text) => (answered = true, text));
  // Nobody accepts it: the same four threads stay where they are.
  assertEquals(workersIn(server, SYSCALL.recv).map(({ tid }) => tid), pool.map(({ tid }) => tid));
  assertEquals(workersIn(server, SYSCALL.accept), []);
  assertEquals(answered, false);
  silent.pop()!.close();
  assertEquals(await answer, RESPONSE_TEXT);
  for (const conn of silent) conn.close();
  await waitFor("four threads in accept again", () => workersIn(server, SYSCALL.accept).length === 4);
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

each("sleeps while nothing happens", ["05-select", "06-epoll"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using _silent = await connect(server);
  assertEquals(await get(server), RESPONSE_TEXT);
  const calls: string[] = lesson === "05-select" ? SYSCALL.select : SYSCALL.epoll_wait;
  const asleep = () => calls.includes(mainCall(server));
  await waitFor(`the main thread in ${calls}`, asleep);
  const before = sleeps(server.pid);
  await pause(500); // the time in which it must not wake
  assertEquals(sleeps(server.pid), before);
  assert(asleep());
});
