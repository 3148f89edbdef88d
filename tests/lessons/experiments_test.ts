/** "Break it" (lessons/README.md): each experiment does what it says, and the text is right in itself. */
import assert, { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { applied, atLine, type Change, replace, written } from "../support/changed.ts";
import { answer, ask, connect, get } from "../support/clients.ts";
import { readAll, REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { BY_MANY, BY_ONE, experiment, nextWaits, outcome, spins, tried } from "../support/declare.ts";
import { experiments, itemsIn } from "../support/experiments.ts";
import { answersAll } from "../support/load.ts";
import { alive, asleepIn, children, cpuSeconds, mainCall } from "../support/proc.ts";
import { resources, sleeps, stat, workersIn } from "../support/proc.ts";
import { ROOT } from "../support/runtimes.ts";
import { ended, output, says, type Server } from "../support/servers.ts";
import { tcpSockets, unread } from "../support/sockets.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/syscalls.ts";
import { until } from "../support/wait.ts";

/** The sleep says when it begins and ends, and takes so many ms. */
const timed = (ms: number): Change[] => [
  replace("0, 0, 1000)", `0, 0, ${ms})`),
  atLine("Atomics.wait(", `console.log("begin");\n…\nconsole.log("end");`),
];

experiment("In all six: Sleep in the handler", async (server) => {
  using clients = await silent(server, 4);
  for (const conn of clients) await sendAll(conn, REQUEST);
  // Four sleep at the same time, so together they take as long as one.
  await until(() => server.stdout.length === 2 + 4);
  assertEquals(server.stdout.slice(2), ["begin", "begin", "begin", "begin"]);
}, { lessons: BY_MANY, more: timed(600_000) });

experiment("In all six: Sleep in the handler", async (server) => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => get(server)));
  assertEquals(answers, Array(4).fill(RESPONSE_TEXT));
  await until(() => server.stdout.length === 2 + 8);
  assertEquals(server.stdout.slice(2), Array(4).fill(["begin", "end"]).flat()); // one after the other
}, { lessons: BY_ONE, more: timed(50) });

experiment("In all six: Let the handler fail", async (server, lesson) => {
  assertEquals(await ask(server, "/oops"), "");
  const who = { "01-fork": "child \\d+: ", "02-thread": "thread 1: " }[lesson as string];
  await says(server, RegExp(`${who ? `^${who}` : ""}[^]*error: oops\n[^]*mine\\.ts:\\d+`, "i")); // Bun writes it small
  if (who) assertEquals(await get(server), RESPONSE_TEXT);
  else assertEquals(await ended(server), 1);
  if (lesson === "03-thread-pool") assertEquals(server.stderr.at(-1), "a thread of the pool has ended");
});

experiment("In all six: Log who came", async (server) => {
  using conn = await connect(server);
  await sendAll(conn, "GET / HTTP/1.1\r\nX: y\r\n\r\n");
  await until(() => server.stdout.includes("X: y\r"));
  const came = RegExp(`127\\.0\\.0\\.1\\D+\\b${conn.localAddr.port}\\b[^]*GET /`);
  assertMatch(server.stdout.slice(2).join("\n"), came);
  assertEquals(await readAll(conn), RESPONSE_TEXT);
});

experiment("In all six: Answer by path", async (server) => {
  const path = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 8\r\n\r\n/grüße";
  assertEquals(await ask(server, "/grüße"), path);
});

experiment("In all six: Say something on Ctrl-C", async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  server.kill("SIGINT");
  assertEquals(await ended(server), 0);
  assertMatch(server.stdout.at(-1)!, /^[\d.]+ s of CPU time in [\d.]+ s$/);
  assertEquals(server.stderr, []);
});

/** Five clients are answered, and `left` connections stay open, which nobody notices. */
const stayOpen = (left: number) => async (server: Server) => {
  const before = resources(server).sockets;
  await answersAll(server, 5);
  await until(() => children(server.pid).length === 0 && resources(server).sockets === before + left);
};
experiment("01-fork: Forget the parent's close", stayOpen(5));

experiment("01-fork: Forget it, and close plainly", async (server) => {
  using conn = await connect(server);
  assertEquals(await answer(conn), RESPONSE_TEXT);
  await until(() => children(server.pid).length === 0);
  assertEquals(tcpSockets(conn.localAddr.port, server.port).map(({ closed }) => closed), [false]);
});

experiment("01-fork: Forget waitpid", async (server) => {
  for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
  await until(() => children(server.pid).length === 3 && !children(server.pid).some(alive));
});

const full = (server: Server) => mainCall(server) === "waitpid" && children(server.pid).length === 2;
experiment("01-fork: Two children at most", nextWaits(2, full));

experiment("01-fork: Forget the child's exit", outcome("answered", /accept: EBADF/));

experiment("01-fork: A second server", async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  await until(() => children(server.pid).some((pid) => mainCall({ pid }) === "accept")); // a second server
  for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT);
});

experiment("01-fork: A backlog of 1", async (server) => {
  server.kill("SIGSTOP");
  await until(() => stat(server.pid)[0] === "T");
  const clients = Array.from({ length: 5 }, () => connection(server.port, SOCK_NONBLOCK));
  const connecting = () => tcpSockets(0, server.port).map(({ connecting }) => connecting).sort();
  await until(() => connecting().join() === "false,false,true,true,true");
  for (const fd of clients) libc.close(fd);
  server.kill("SIGCONT");
  assertEquals(await get(server), RESPONSE_TEXT);
});

const open = /^child \d+ has ended with connections open \(1\)/;
experiment("01-fork: Await in the handler", outcome("left", open), { lessons: ["01-fork"] });
experiment("01-fork: Await in the handler", outcome("answered", /^$/), { lessons: ["02-thread"] });

experiment("02-thread: Close at once", async (server) => {
  const seen = await get(server, REQUEST + "x".repeat(1_000_000)).catch((error) => error);
  const { ConnectionReset, BrokenPipe } = Deno.errors;
  assert(seen instanceof ConnectionReset || seen instanceof BrokenPipe, `the client has seen ${seen}`);
});

experiment("02-thread: Close in the main thread as well", outcome("ends", /close: EBADF/));

const KEEP_ALIVE_TEXT = RESPONSE_TEXT.replace("Close", "Keep-Alive");
async function keepsTheConnection(server: Server, lesson: string) {
  using clients = await silent(server, 4);
  for (const conn of [...clients, clients[0]]) assertEquals(await answer(conn), KEEP_ALIVE_TEXT); // one twice
  if (lesson === "03-thread-pool") await asleepIn(server, 4, "recv"); // none is left for a fifth
}
experiment("02-thread: Keep the connection", keepsTheConnection);
experiment("04-busy-poll: Keep the connection", keepsTheConnection);
experiment("06-epoll: Keep the connection", keepsTheConnection);

const taken = (count: number) => (server: Server) =>
  workersIn(server, "recv").length === count && workersIn(server, "accept").length === 0;
experiment("03-thread-pool: A pool of one", nextWaits(1, taken(1)));
experiment("03-thread-pool: An option of your own", nextWaits(5, taken(5)), { args: ["--pool", "5"] });

experiment("03-thread-pool: A pool of 100", async (server) => {
  using _silent = await silent(server, 5);
  assertEquals(await get(server), RESPONSE_TEXT); // before all hundred have started
});

for (const [name, told] of [["Count together", "1111"], ["Count with Atomics", "1234"]]) {
  experiment(`03-thread-pool: ${name}`, async (server) => {
    using clients = await silent(server, 4);
    await asleepIn(server, 4, "recv"); // each of them has read the count
    const answers = await Promise.all(clients.map(async (conn) => {
      await sendAll(conn, REQUEST);
      return (await readAll(conn)).at(-1);
    }));
    assertEquals(answers.sort().join(""), told);
  });
}

const TEN_MB = RESPONSE_TEXT.length + "0000000".length + 10_000_000 - "A".length;
async function answersTenMB(server: Server) {
  for (const leaves of [false, true, false]) { // the second in the middle
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    if (leaves) await conn.read(new Uint8Array(1000));
    else assertEquals((await readAll(conn)).length, TEN_MB);
  }
}

const inRecv = (server: Server) => mainCall(server) === "recv";
experiment("04-busy-poll: Leave the accepted sockets blocking", nextWaits(1, inRecv));

experiment("04-busy-poll: Rest for a millisecond", async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  const [slept, seconds] = [sleeps(server.pid), cpuSeconds(server.pid)];
  await until(() => sleeps(server.pid) > slept + 500);
  assert(cpuSeconds(server.pid) - seconds < 0.5, "it takes a millisecond of the CPU for each");
});

experiment("04-busy-poll: Answer 10 MB", async (server) => {
  using conn = await connect(server);
  await sendAll(conn, REQUEST);
  await until(() => server.stdout.some((line) => / shutdown\(/.test(line)));
  assert((await readAll(conn)).length < TEN_MB); // what did not fit is lost
}, { lessons: ["04-busy-poll", "05-select"], args: ["--trace"] });
experiment("04-busy-poll: Answer 10 MB", answersTenMB, { lessons: ["03-thread-pool"] }); // here send sleeps

experiment("04-busy-poll: Forget to take out who has left", outcome("answered, ends", /recv: EBADF: this/));

experiment("05-select: Forget to take out who has left", outcome("answered, ends", /select: EBADF: this/));
experiment("05-select: Answer 10 MB", answersTenMB);

experiment("05-select: Watch no newcomer", async (server) => {
  using conn = await connect(server);
  await sendAll(conn, REQUEST);
  await until(() => resources(server).sockets >= 2);
  await unread(server);
  await until(() => mainCall(server) === "select");
});

experiment("06-epoll: Answer 10 MB", answersTenMB);

experiment("06-epoll: Never close an early leaver", spins);

experiment("06-epoll: Ask for room from the start", async (server) => {
  using conn = await connect(server);
  assertEquals(await readAll(conn), RESPONSE_TEXT); // without a question
});

experiment("06-epoll: Edge-triggered", async (server) => {
  using conn = await connect(server);
  await sendAll(conn, REQUEST);
  const rest = () => tcpSockets(server.port).find(({ remote }) => remote > 0)?.received;
  await until(() => rest() === REQUEST.length - 16 && mainCall(server) === "epoll_wait");
});

experiment("06-epoll: Edge-triggered, and drained", async (server) => {
  await answersAll(server, 10, 2);
  (await connect(server)).close();
  const long = REQUEST.replace("Host", `X: ${"x".repeat(10_000)}\r\nHost`);
  assertEquals(await get(server, long), RESPONSE_TEXT);
});

experiment("06-epoll: Forget unregister", stayOpen(0));
experiment("06-epoll: Forget close", stayOpen(5));

experiment("06-epoll: A time limit for silent clients", async (server) => {
  using silent = await connect(server);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(await readAll(silent), ""); // it is cut off
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
}, { more: [replace("< 10_000)", "< 100)")] });

experiment("06-epoll: Four processes with an epoll each", async (server) => {
  await until(() => children(server.pid).filter((pid) => mainCall({ pid }) === "epoll_wait").length === 3);
  await answersAll(server, 20, 4);
  assertEquals(children(server.pid).length, 3);
  assertEquals(server.stderr, []);
});

experiment("06-epoll: Four threads with an epoll each", async (server) => {
  await asleepIn(server, 4, "epoll_wait");
  // The herd: more than one wakes for a client, and all but one find nobody.
  await until(async () => {
    await answersAll(server, 8, 4);
    return server.stdout.some((line) => /worker \d .*accept4?\(\d+\) = -1 EAGAIN/.test(line));
  });
  await asleepIn(server, 4, "epoll_wait");
  assertEquals(server.stderr, []);
}, { args: ["--trace"] });

Deno.test("deno task try writes the change that is asked for, and never over a reader's own", async () => {
  const folder = await Deno.makeTempDir({ prefix: "100% grüße " });
  await output(["cp", "-r", "lessons", "shared", "tests", "deno.json", folder]);
  const mine = `${folder}/lessons/mine.ts`;
  await Deno.remove(mine).catch(() => {});
  const tries = (words: string) =>
    output([Deno.execPath(), "run", "-A", "--no-check", `${folder}/tests/try.ts`, ...words.split(" ")]);
  for (const words of ["06 edge-triggered", "06 Edge", "--zh 06 边缘触发"]) { // each over what the one before wrote
    const { code, stdout } = await tries(words);
    assertEquals(code, 0);
    assert(stdout.includes("\n+      epoll.register(conn.fileno(), EPOLLIN | EPOLLET);\n"));
    assert(stdout.includes("`curl 127.0.0.1:9696` "));
    const { changes } = experiments.get("06-epoll: Edge-triggered")!;
    assertEquals(await Deno.readTextFile(mine), applied("06-epoll", changes("06-epoll")));
  }
  await Deno.writeTextFile(mine, "mine");
  assertEquals((await tries("06 edge-triggered")).code, 1);
  assertEquals(await Deno.readTextFile(mine), "mine");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("every experiment has a test", () => {
  const untried = [...experiments].filter(([name, { lessons }]) => lessons.length > 0 && !tried.has(name));
  assertEquals(untried.map(([name]) => name), []);
});

Deno.test("every experiment passes deno check", async () => {
  const sources = [...experiments].flatMap(([name, item]) =>
    item.lessons.map((lesson) => [`${name} in ${lesson}.ts`, applied(lesson, item.changes(lesson))])
  );
  const folder = (await written(Object.fromEntries(sources))).replace(/[^/]*$/, "");
  const config = `--config=${ROOT}deno.json`;
  const { code, stderr } = await output([Deno.execPath(), "check", "--quiet", config, folder]);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("lessons/README.zh.md offers the same experiments: the same code, commands and figures", () => {
  const offered = (file: string) =>
    itemsIn(file).map(({ text }) => {
      const code = text.match(/```.*?```|`[^`]+`/gs)?.map((code) => code.replace(/\s+/g, " ")).sort();
      return { code, figures: text.replace(/```.*?```|`[^`]+`/gs, "").match(/\d[\d,.]*\d|\d/g)?.sort() };
    });
  assertEquals(offered("README.zh.md"), offered("README.md"));
});
