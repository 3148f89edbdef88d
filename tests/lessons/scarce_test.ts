/** Scarce descriptors, processes and threads, calls that the network fails, stops: every lesson goes on serving. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, changed } from "../support/changed.ts";
import { connect, get, hold, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { BY_ONE, each } from "../support/declare.ts";
import { children, cpuTicks, DESCRIPTOR_LIMIT, descriptors, resources } from "../support/proc.ts";
import { settled, sleeps, tasks } from "../support/proc.ts";
import { type Lesson, LESSONS, succeeds } from "../support/runtimes.ts";
import { descriptorsAtMost, type Server, start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";

/** Wait for an answer. A server that has ended meanwhile is quoted. */
async function answersAgain(server: Server): Promise<void> {
  let ended = false;
  server.status.then(() => ended = true);
  await waitFor("an answer", async () => {
    if (ended) throw new Error(`it has ended: ${server.stderr.join("\n")}`);
    return await get(server).catch(() => "") === RESPONSE_TEXT;
  });
}

each("out of descriptors, it waits, and serves again afterwards", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: descriptorsAtMost(64) });
  const started = performance.now();
  // In 02 each takes some, and the end of each takes its time.
  const count = lesson === "01-fork" || lesson === "02-thread" ? 30 : 70;
  const silent = await Promise.all(Array.from({ length: count }, () => connect(server)));
  if (BY_ONE.includes(lesson)) {
    await waitFor("the warning", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], /^accept: EMFILE: /);
    const ticks = cpuTicks(server.pid);
    await pause(500);
    assert(cpuTicks(server.pid) - ticks < 25, "it spins");
  }
  if (lesson === "02-thread") {
    await waitFor("the warning", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], /^can't start new thread: /);
  }
  for (const conn of silent) conn.close();
  await answersAgain(server);
  assertEquals(await load(server, 20, 4), []);
  const seconds = (performance.now() - started) / 1000;
  assert(server.stderr.length <= seconds + 1, `${server.stderr.length} lines in ${seconds} s`);
});

each("answered clients that do not close make room for others", BY_ONE, async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: descriptorsAtMost(64) });
  const clients = await Promise.all(Array.from({ length: 60 }, () => connect(server)));
  for (const conn of clients) await sendAll(conn, REQUEST);
  assertEquals(await get(server), RESPONSE_TEXT);
  for (const conn of clients) conn.close();
});

// While busy polling takes n connections in, one a turn, it asks n²/2 times: `deno task soak` has the patience for
// 10,000 of them. And Node.js has some dozens of the 1,024 descriptors for itself.
const SILENT: Partial<Record<Lesson, number>> = {
  "04-busy-poll": 1_000,
  "05-select": 950,
  "06-epoll": 10_000,
};
each("serves beside thousands of silent connections, and frees them", BY_ONE, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await get(server), RESPONSE_TEXT);
  const before = await settled(server);
  {
    await using _silent = await hold(server, SILENT[lesson]!);
    assertEquals(await load(server, 20, 1), []);
    assert(descriptors(server.pid) >= SILENT[lesson]!);
  }
  await waitFor("the end of every connection", () => resources(server).sockets <= before.sockets);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
}, { ignore: DESCRIPTOR_LIMIT < 10_200 });

each("refuses descriptors from 1024 up", ["05-select"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: descriptorsAtMost(1200) });
  await using _silent = await hold(server, 1100);
  await waitFor("the warning", () => server.stderr.length > 0);
  assertMatch(server.stderr[0], /^descriptor 1024 does not fit/);
  await waitFor("no further descriptor", () => descriptors(server.pid) <= 1024);
}, { ignore: DESCRIPTOR_LIMIT < 1_300 });

/** For `before`: a server whose user may have so many processes and threads: a user of its own, who may read our files. */
function processesAtMost(count: number): string[] {
  // RLIMIT_NPROC is -u in bash and busybox, -p in dash.
  const limit = ["sh", "-c", '{ ulimit -u "$0" || ulimit -p "$0"; } 2>&- && exec "$@"', `${count}`];
  // An ordinary user's processes are counted from nothing in a new user namespace; those of root are not counted.
  if (Deno.uid() !== 0) return ["unshare", "--user", ...limit];
  const [id, caps] = [60_000 + Math.floor(Math.random() * 1_000_000), "+dac_override,+sys_ptrace"];
  const user = [`--reuid=${id}`, `--regid=${id}`, "--clear-groups"];
  return ["setpriv", ...user, `--inh-caps=${caps}`, `--ambient-caps=${caps}`, ...limit];
}
const [program, ...args] = processesAtMost(9);
for (
  const [lesson, line] of [
    ["01-fork", /^can't start new process/],
    ["02-thread", /^can't start new thread/],
  ] as const
) {
  each("out of processes and threads, it says so and goes on", [lesson], async (lesson, runtime) => {
    await using server = await start(lesson, runtime, { before: processesAtMost(24) });
    const silent = await Promise.all(Array.from({ length: 30 }, () => connect(server)));
    await waitFor("the line on standard error", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], line);
    for (const conn of silent) conn.close();
    await answersAgain(server);
    for (const printed of server.stderr) assertMatch(printed, line);
  }, { ignore: !succeeds(program, ...args, "true") });
}

const FAILED = ["03-thread-pool", "06-epoll"] as const;
each(
  "an error that accept passes on from the network is no reason to end",
  FAILED,
  async (lesson, runtime) => {
    const inject = ["-e", "trace=accept,accept4", "-e", "inject=accept,accept4:error=EPROTO:when=2"];
    const before = ["strace", "-f", "-qq", "-o", "/dev/null", ...inject];
    await using server = await start(lesson, runtime, { before });
    for (let i = 0; i < 6; i++) assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(server.stderr, []);
  },
  { ignore: !succeeds("strace", "-V") },
);

each("no other thread is awake, and may hold a lock, when it forks", ["01-fork"], async (lesson, runtime) => {
  // The runtimes' helpers come when memory is used.
  const script = await changed(
    lesson,
    atLine("while (true) {", "above", "const kept: unknown[] = [];"),
    atLine("while (true) {", "below", "  for (let i = 0; i < 100_000; i++) kept.push({ i });"),
  );
  await using server = await start(lesson, runtime, { script });
  // Node.js can't do without two: one waits for delayed tasks, and hands them to the other.
  const platform = /^(DelayedTaskSche|node-V8Worker)$/;
  const awake = () =>
    tasks(server.pid).filter(({ tid, name }) => tid !== server.pid && !platform.test(name))
      .map(({ tid, name }) => `${name} ${tid}: ${sleeps(server.pid, tid)}`).join();
  await waitFor("ten forks beside which nobody woke", async () => {
    const before = awake();
    assertEquals(await load(server, 10, 2), []);
    return awake() === before;
  });
});

each("stopped and continued, it goes on", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  using silent = await connect(server);
  assertEquals(await get(server), RESPONSE_TEXT);
  if (lesson === "01-fork") await waitFor("one child", () => children(server.pid).length === 1);
  const family = [server.pid, ...children(server.pid)];
  for (let i = 0; i < 3; i++) {
    for (const pid of family) Deno.kill(pid, "SIGSTOP");
    await waitFor("a stopped server", () => / T /.test(Deno.readTextFileSync(`/proc/${server.pid}/stat`)));
    for (const pid of family) Deno.kill(pid, "SIGCONT");
    assertEquals(await get(server), RESPONSE_TEXT);
  }
  await sendAll(silent, REQUEST);
  assertEquals(await readAll(silent), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
});
