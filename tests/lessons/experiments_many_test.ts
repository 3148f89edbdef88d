/** "Break it" (lessons/README.md): 01 to 03, in which each client has a process or a thread. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/libc.ts";
import { alive, children, connections, holdings, mainCall, SYSCALL, workersIn } from "../support/proc.ts";
import { waitFor } from "../support/wait.ts";
import { complete, experiment } from "./experiment.ts";
import { answer } from "./talk.ts";

experiment("01-fork: Forget the parent's close", ["01-fork"], async (server) => {
  const before = holdings(server).sockets;
  for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT); // nobody notices
  await waitFor("the end of the children", () => children(server.pid).length === 0);
  assertEquals(holdings(server).sockets, before + 5);
});

experiment("01-fork: Forget it, and close plainly", ["01-fork"], async (server) => {
  using conn = await connect(server);
  assertEquals(await answer(conn), RESPONSE_TEXT);
  await waitFor("the end of the child", () => children(server.pid).length === 0);
  assertEquals(connections(conn.localAddr.port, server.port).map(({ state }) => state), ["ESTABLISHED"]);
});

experiment("01-fork: Forget waitpid", ["01-fork"], async (server) => {
  for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
  await waitFor("three zombies", () => {
    const all = children(server.pid);
    return all.length === 3 && !all.some(alive);
  });
});

experiment("01-fork: Two children at most", ["01-fork"], async (server) => {
  const [first, second] = [await connect(server), await connect(server)];
  await waitFor("a parent in waitpid", () => SYSCALL.waitpid.includes(mainCall(server)));
  assertEquals(children(server.pid).length, 2);
  const third = get(server);
  await waitFor(
    "its request in the queue",
    () => connections(server.port, undefined).some(({ unread }) => unread > 1),
  );
  assert(SYSCALL.waitpid.includes(mainCall(server)));
  assertEquals(children(server.pid).length, 2);
  first.close();
  assertEquals(await third, RESPONSE_TEXT);
  second.close();
});

experiment("01-fork: Forget the child's exit(0)", ["01-fork"], async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  await waitFor("the error", () => server.stderr.length > 0);
  assertMatch(server.stderr[0], /^child \d+: Error: accept: a child has come into its parent's loop/);
  assertEquals(await get(server), RESPONSE_TEXT);
});

experiment("01-fork: A backlog of 1", ["01-fork"], async (server) => {
  server.kill("SIGSTOP");
  await waitFor("a stopped server", () => / T /.test(Deno.readTextFileSync(`/proc/${server.pid}/stat`)));
  const clients = Array.from({ length: 5 }, () => connection(server.port, SOCK_NONBLOCK));
  try {
    const inState = (wanted: string) =>
      connections(undefined, server.port).filter(({ state }) => state === wanted).length;
    assertEquals([inState("ESTABLISHED"), inState("SYN_SENT")], [2, 3]);
  } finally {
    for (const fd of clients) libc.close(fd);
  }
  server.kill("SIGCONT");
  assertEquals(await get(server), RESPONSE_TEXT);
});

experiment("02-thread: Close at once", ["02-thread"], async (server) => {
  const big = REQUEST + "x".repeat(1_000_000);
  const seen = await get(server, big).catch((error) => error);
  assert(
    seen instanceof Deno.errors.ConnectionReset || seen instanceof Deno.errors.BrokenPipe,
    `the client has seen ${seen}`,
  );
});

experiment(
  "02-thread: Keep the connection",
  ["01-fork", "02-thread", "03-thread-pool"],
  async (server, lesson) => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
    for (const conn of clients) assertEquals(await answer(conn), RESPONSE_TEXT);
    assertEquals(await answer(clients[0]), RESPONSE_TEXT); // once more
    if (lesson === "03-thread-pool") { // no thread is left for a fifth
      await waitFor("four threads in recv", () => workersIn(server, SYSCALL.recv).length === 4);
      assertEquals(workersIn(server, SYSCALL.accept), []);
    } else {
      using fifth = await connect(server);
      assertEquals(await answer(fifth), RESPONSE_TEXT);
    }
    for (const conn of clients) conn.close();
  },
);

experiment("03-thread-pool: A pool of one", ["03-thread-pool"], async (server) => {
  const silent = await connect(server);
  await waitFor("one thread in recv", () => workersIn(server, SYSCALL.recv).length === 1);
  const other = get(server);
  await waitFor(
    "its request in the queue",
    () => connections(server.port, undefined).some(({ unread }) => unread > 1),
  );
  assertEquals(workersIn(server, SYSCALL.recv).length, 1);
  assertEquals(workersIn(server, SYSCALL.accept), []);
  silent.close();
  assertEquals(await other, RESPONSE_TEXT);
});

experiment("03-thread-pool: A pool of 100", ["03-thread-pool"], async (server) => {
  const silent = await Promise.all([1, 2, 3, 4, 5].map(() => connect(server)));
  assertEquals(await get(server), RESPONSE_TEXT); // before all hundred have started
  for (const conn of silent) conn.close();
});

for (const [item, told] of [["Count together", "1111"], ["Count with Atomics", "1234"]]) {
  const items = ["Count together", "Count with Atomics"].map((item) => `03-thread-pool: ${item}`);
  experiment(items.slice(0, told === "1111" ? 1 : 2), ["03-thread-pool"], async (server) => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
    // Each of them has read the count.
    await waitFor("four threads in recv", () => workersIn(server, SYSCALL.recv).length === 4);
    const answers = await Promise.all(clients.map(async (conn) => {
      await sendAll(conn, REQUEST);
      const text = await readAll(conn);
      conn.close();
      return text.at(-1);
    }));
    assertEquals(answers.sort().join(""), told, item);
  });
}

complete("01-fork", "02-thread", "03-thread-pool");
