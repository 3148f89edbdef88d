/** Rude clients, scarce resources, signals: every lesson goes on serving, and keeps nothing of them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, changed, replace } from "../support/changed.ts";
import { connect, get, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { connection, libc } from "../support/libc.ts";
import { children, cpuTicks, holdings, settled, sleeps, SYSCALL, tasks, workersIn } from "../support/proc.ts";
import { LESSONS, succeeds } from "../support/runtimes.ts";
import { descriptorsAtMost, type Server, start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import { each } from "./each.ts";

/** A client that resets: with SO_LINGER 0, close(2) sends RST instead of FIN. */
function resettable({ port }: Server) {
  const fd = connection(port);
  libc.setsockopt(fd, 1, 13, Int32Array.of(1, 0), 8);
  return {
    send: (text: string) => libc.send(fd, new TextEncoder().encode(text), text.length, 0),
    close: () => libc.close(fd),
  };
}

const bigHead = (size: number) => `GET / HTTP/1.1\r\nX: ${"x".repeat(size - 24)}\r\n\r\n`;

/** Each does its worst, and leaves. */
const RUDE: Record<string, (server: Server) => Promise<void>> = {
  async "closes before sending"(server) {
    (await connect(server)).close();
  },
  async "closes after half a request"(server) {
    using conn = await connect(server);
    await sendAll(conn, "GET / HTTP/1.1\r\nHo");
  },
  async "says that it sends nothing more, in the middle of the request"(server) {
    using conn = await connect(server);
    await sendAll(conn, "GET / HTTP/1.1\r\nHo");
    await conn.closeWrite();
    assertEquals(await readAll(conn), "");
  },
  // deno-lint-ignore require-await
  async "resets at once"(server) {
    for (let i = 0; i < 5; i++) resettable(server).close();
  },
  async "resets while the server waits for its request"(server) {
    const conn = resettable(server);
    assertEquals(await get(server), RESPONSE_TEXT); // which was accepted after it
    conn.close();
  },
  async "resets in the middle of the request"(server) {
    const conn = resettable(server);
    conn.send("GET / HTTP/1.1\r\nHo");
    assertEquals(await get(server), RESPONSE_TEXT);
    conn.close();
  },
  // deno-lint-ignore require-await
  async "resets before it reads the answer"(server) {
    for (let i = 0; i < 5; i++) {
      const conn = resettable(server);
      conn.send(REQUEST);
      conn.close();
    }
  },
  async "sends one byte at a time"(server) {
    using conn = await connect(server);
    conn.setNoDelay(true);
    for (const char of REQUEST) await sendAll(conn, char);
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  },
  async "sends a head of 1 MiB, and then reads"(server) {
    assertEquals(await get(server, bigHead(1024 * 1024)), RESPONSE_TEXT);
  },
  async "sends a head of 60 KiB, and then reads"(server) {
    assertEquals(await get(server, bigHead(60 * 1024)), RESPONSE_TEXT);
  },
  async "sends 65 KiB without an empty line, and waits"(server) {
    using conn = await connect(server);
    await sendAll(conn, "x".repeat(65 * 1024));
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  },
  async "sends binary noise"(server) {
    const noise = crypto.getRandomValues(new Uint8Array(10_000)).map((byte) => byte === 10 ? 0 : byte);
    using conn = await connect(server);
    await sendAll(conn, noise);
  },
  async "sends binary noise and an empty line"(server) {
    const noise = crypto.getRandomValues(new Uint8Array(10_000)).map((byte) => byte === 10 ? 0 : byte);
    assertEquals(await get(server, Uint8Array.of(...noise, 10, 10)), RESPONSE_TEXT);
  },
  async "sends several requests in one packet"(server) {
    assertEquals(await get(server, REQUEST.repeat(500)), RESPONSE_TEXT);
  },
  async "sends a request with a body of 1 MiB"(server) {
    const head = `POST / HTTP/1.1\r\nContent-Length: ${1 << 20}\r\n\r\n`;
    assertEquals(await get(server, head + "x".repeat(1 << 20)), RESPONSE_TEXT);
  },
  async "reads nothing"(server) {
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    assertEquals(await get(server), RESPONSE_TEXT);
  },
};

each("no rude client stops it, or leaves anything behind", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await load(server, 20, 4), []);
  if (lesson === "01-fork") await waitFor("the end of the children", () => children(server.pid).length === 0);
  if (lesson === "02-thread") await waitFor("the end of the threads", () => holdings(server).threads === 0);
  if (lesson === "03-thread-pool") {
    await waitFor("four threads in accept", () => workersIn(server, SYSCALL.accept).length === 4);
  }
  const before = await settled(server);
  // A runtime opens a few descriptors for itself while it runs, and lets go of some late. No socket of a client is
  // among them.
  const slack = 8;
  for (const [what, rude] of Object.entries(RUDE)) {
    try {
      await rude(server);
      assertEquals(await get(server), RESPONSE_TEXT);
      await waitFor("what it held before", () => {
        const now = holdings(server);
        return now.sockets <= before.sockets && now.descriptors <= before.descriptors + slack &&
          now.threads <= before.threads &&
          now.children === 0;
      });
    } catch (error) {
      const held = JSON.stringify({ before, now: holdings(server) });
      throw new Error(`a client that ${what}: ${held}`, { cause: error });
    }
  }
  assertEquals(server.stderr, []);
  await waitFor("no zombie", () => children(server.pid).length === 0);
  if (lesson === "04-busy-poll") return;
  // Nor does it spin.
  const ticks = cpuTicks(server.pid);
  await pause(500);
  assert(cpuTicks(server.pid) - ticks < 10, "it uses the CPU while nothing happens");
});

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
  if (lesson === "04-busy-poll" || lesson === "05-select" || lesson === "06-epoll") {
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

/** For `before`: the server belongs to a user of its own, who may have so many processes and threads, and read our files. */
function processesAtMost(count: number): string[] {
  const uid = String(60_000 + Math.floor(Math.random() * 1_000_000));
  const caps = "+dac_override,+sys_ptrace";
  const user = [
    `--reuid=${uid}`,
    `--regid=${uid}`,
    "--clear-groups",
    `--inh-caps=${caps}`,
    `--ambient-caps=${caps}`,
  ];
  // RLIMIT_NPROC is -u in bash and busybox, -p in dash.
  return [
    "setpriv",
    ...user,
    "sh",
    "-c",
    '{ ulimit -u "$0" || ulimit -p "$0"; } 2>&- && exec "$@"',
    `${count}`,
  ];
}
const cannotChangeUser = Deno.uid() !== 0 || !succeeds("setpriv", "--version");

for (
  const [lesson, line] of [["01-fork", /^can't start new process/], [
    "02-thread",
    /^can't start new thread/,
  ]] as const
) {
  each("out of processes and threads, it says so and goes on", [lesson], async (lesson, runtime) => {
    await using server = await start(lesson, runtime, { before: processesAtMost(24) });
    const silent = await Promise.all(Array.from({ length: 30 }, () => connect(server)));
    await waitFor("the line on standard error", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], line);
    for (const conn of silent) conn.close();
    await answersAgain(server);
    for (const printed of server.stderr) assertMatch(printed, line);
  }, { ignore: cannotChangeUser });
}

each(
  "when a thread of the pool ends, it says so and exits with 1",
  ["03-thread-pool"],
  async (lesson, runtime) => {
    const copy = await changed(
      lesson,
      replace("while (true) {\n    const conn", "for (let i = 0; i < 1; i++) {\n    const conn"),
    );
    await using server = await start(lesson, runtime, { script: copy });
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals((await server.status).code, 1);
    assertEquals(server.stderr, ["a thread of the pool has ended"]);
  },
);

each("no other thread is awake, and may hold a lock, when it forks", ["01-fork"], async (lesson, runtime) => {
  // The runtimes' helpers come when memory is used.
  const copy = await changed(
    lesson,
    atLine("while (true) {", "above", "const kept: unknown[] = [];"),
    atLine("while (true) {", "below", "  for (let i = 0; i < 100_000; i++) kept.push({ i });"),
  );
  await using server = await start(lesson, runtime, { script: copy });
  assertEquals(await load(server, 10, 2), []);
  // Node.js can't do without two: one waits for delayed tasks, and hands them to the other.
  const platform = /^(DelayedTaskSche|node-V8Worker)$/;
  const others = () =>
    tasks(server.pid).filter(({ tid, name }) => tid !== server.pid && !platform.test(name))
      .map(({ tid, name }) => ({ tid, name, sleeps: sleeps(server.pid, tid) }));
  const before = others();
  assertEquals(await load(server, 10, 2), []);
  assertEquals(others(), before);
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
