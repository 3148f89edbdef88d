/** "Break it" (lessons/README.md): 04 to 06, in which one thread serves all clients. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { replace } from "../support/changed.ts";
import { connect, get, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { connections, cpuTicks, holdings, mainCall, SYSCALL, workersIn } from "../support/proc.ts";
import { waitFor } from "../support/wait.ts";
import { complete, experiment } from "./experiment.ts";
import { answer, drain, ended } from "./talk.ts";

experiment("04-busy-poll: Leave the accepted sockets blocking", ["04-busy-poll"], async (server) => {
  const silent = await connect(server);
  await waitFor("a server that sleeps in recv", () => SYSCALL.recv.includes(mainCall(server)));
  const other = get(server);
  await waitFor(
    "its request in the queue",
    () => connections(server.port, undefined).some(({ unread }) => unread > 1),
  );
  assert(SYSCALL.recv.includes(mainCall(server)));
  silent.close();
  assertEquals(await other, RESPONSE_TEXT);
});

experiment("04-busy-poll: Rest for a millisecond", ["04-busy-poll"], async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  await waitFor("a server that sleeps", () => SYSCALL.futex.includes(mainCall(server)));
});

const TEN_MB = RESPONSE_TEXT.length + "0000000".length + 10_000_000 - "A".length;
const asks = async (conn: Deno.Conn) => {
  await sendAll(conn, REQUEST);
  return conn;
};

experiment("04-busy-poll: Answer 10 MB", ["04-busy-poll", "05-select"], async (server) => {
  using conn = await asks(await connect(server));
  await waitFor("the end of the answer", () => server.stdout.some((line) => / shutdown\(/.test(line)));
  assert(await drain(conn) < TEN_MB); // what did not fit is lost
}, { args: ["--trace"] });

experiment("04-busy-poll: Answer 10 MB", ["03-thread-pool"], async (server) => { // here send sleeps
  using conn = await asks(await connect(server));
  assertEquals(await drain(conn), TEN_MB);
});
for (const lesson of ["05-select", "06-epoll"] as const) {
  experiment(`${lesson}: Answer 10 MB`, [lesson], async (server) => {
    using conn = await asks(await connect(server));
    assertEquals(await drain(conn), TEN_MB);
    using early = await asks(await connect(server));
    await early.read(new Uint8Array(1000)); // leaves in the middle
    early.close();
    using third = await asks(await connect(server));
    assertEquals(await drain(third), TEN_MB);
  });
}

for (const [lesson, call] of [["04-busy-poll", "recv"], ["05-select", "select"]] as const) {
  experiment(`${lesson}: Forget to take out who has left`, [lesson], async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(await ended(server), 1);
    assertMatch(server.stderr.join("\n"), new RegExp(`${call}: EBADF: this descriptor is not open`));
  });
}

for (
  const [item, lessons] of [["04-busy-poll", ["04-busy-poll", "05-select"]], ["06-epoll", [
    "06-epoll",
  ]]] as const
) {
  experiment(`${item}: Keep the connection`, lessons, async (server) => {
    using conn = await connect(server);
    for (let i = 0; i < 3; i++) assertEquals(await answer(conn), RESPONSE_TEXT);
    using other = await connect(server); // beside it
    assertEquals(await answer(other), RESPONSE_TEXT);
  });
}

experiment("05-select: Watch no newcomer", ["05-select"], async (server) => {
  using _conn = await asks(await connect(server));
  await waitFor(
    "a request that nobody reads",
    () =>
      connections(server.port, undefined).some(({ unread }) => unread > 1) &&
      holdings(server).sockets >= 2 && // it is accepted
      SYSCALL.select.includes(mainCall(server)),
  );
});

experiment("06-epoll: Never close an early leaver", ["06-epoll"], async (server) => {
  await waitFor("a server that sleeps", () => SYSCALL.epoll_wait.includes(mainCall(server)));
  const before = cpuTicks(server.pid);
  (await connect(server)).close();
  await waitFor("a server that spins", () => cpuTicks(server.pid) > before + 30);
});

experiment("06-epoll: Ask for room from the start", ["06-epoll"], async (server) => {
  using conn = await connect(server);
  assertEquals(await readAll(conn), RESPONSE_TEXT); // without a question
});

experiment("06-epoll: Edge-triggered", ["06-epoll"], async (server) => {
  using conn = await connect(server);
  conn.setNoDelay(true);
  const rest = () => connections(server.port, conn.localAddr.port)[0].unread;
  await sendAll(conn, REQUEST);
  for (let left = REQUEST.length - 16; left > 0; left = left + 1 - 16) {
    await waitFor(
      "a server that sleeps, with a request unread",
      () => rest() === left && SYSCALL.epoll_wait.includes(mainCall(server)),
    );
    await sendAll(conn, "x"); // something new: 16 bytes more are read
  }
  assertEquals(await readAll(conn), RESPONSE_TEXT);
});

experiment(
  ["06-epoll: Edge-triggered", "06-epoll: Edge-triggered, and drained"],
  ["06-epoll"],
  async (server) => {
    assertEquals(await load(server, 10, 2), []);
    (await connect(server)).close();
    assertEquals(
      await get(server, REQUEST.replace("Host", `X: ${"x".repeat(10_000)}\r\nHost`)),
      RESPONSE_TEXT,
    );
  },
);

experiment("06-epoll: Forget unregister", ["06-epoll"], async (server) => {
  const before = holdings(server).sockets;
  assertEquals(await load(server, 10, 2), []);
  await waitFor("no connection", () => holdings(server).sockets === before);
});

experiment("06-epoll: Forget close", ["06-epoll"], async (server) => {
  const before = holdings(server).sockets;
  assertEquals(await load(server, 5, 1), []);
  await waitFor("five descriptors more", () => holdings(server).sockets === before + 5);
});

experiment("06-epoll: A time limit for silent clients", ["06-epoll"], async (server) => {
  using silent = await connect(server);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(await readAll(silent), ""); // it is cut off
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
}, { more: [replace("< 10_000)", "< 100)")] });

experiment("06-epoll: Four threads with an epoll each", ["06-epoll"], async (server) => {
  const asleep = () => workersIn(server, SYSCALL.epoll_wait);
  await waitFor("four threads in epoll_wait", () => asleep().length === 4);
  assertEquals(await load(server, 40, 8), []);
  await waitFor("four threads in epoll_wait", () => asleep().length === 4);
  assertEquals(server.stderr, []);
});

complete("04-busy-poll", "05-select", "06-epoll");
