/** "Break it" (lessons/README.md): 04 to 06, in which one thread serves all clients. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { replace } from "../support/changed.ts";
import { answer, connect, get, load, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { type Experiment, experimentsOf } from "../support/declare.ts";
import { asleep, connections, cpuTicks, mainCall, resources, sleeps, SYSCALL } from "../support/proc.ts";
import { unread } from "../support/proc.ts";
import { ended, type Server } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

const TEN_MB = RESPONSE_TEXT.length + "0000000".length + 10_000_000 - "A".length;
async function asks(server: Server) {
  const conn = await connect(server);
  await sendAll(conn, REQUEST);
  return conn;
}
const sleepsIn = (server: Server, calls: readonly string[]) =>
  waitFor(`a server that sleeps in system call ${calls}`, () => calls.includes(mainCall(server)));

async function forgetsWhoHasLeft(server: Server, lesson: string) {
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(await ended(server), 1);
  const call = lesson === "04-busy-poll" ? "recv" : "select";
  assertMatch(server.stderr.join("\n"), new RegExp(`${call}: EBADF: this descriptor is not open`));
}

async function keepsTheConnection(server: Server) {
  using conn = await connect(server);
  for (let i = 0; i < 3; i++) assertEquals(await answer(conn), RESPONSE_TEXT);
  using other = await connect(server); // beside it
  assertEquals(await answer(other), RESPONSE_TEXT);
}

async function answersTenMB(server: Server) {
  using conn = await asks(server);
  assertEquals((await readAll(conn)).length, TEN_MB);
  using early = await asks(server);
  await early.read(new Uint8Array(1000)); // leaves in the middle
  early.close();
  using third = await asks(server);
  assertEquals((await readAll(third)).length, TEN_MB);
}

experimentsOf("04-busy-poll", (experiment) => {
  experiment("Leave the accepted sockets blocking", async (server) => {
    const silent = await connect(server);
    await sleepsIn(server, SYSCALL.recv);
    const other = get(server);
    await unread(server);
    assert(SYSCALL.recv.includes(mainCall(server)));
    silent.close();
    assertEquals(await other, RESPONSE_TEXT);
  });

  experiment("Rest for a millisecond", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    const [slept, ticks] = [sleeps(server.pid), cpuTicks(server.pid)];
    await waitFor("500 rests", () => sleeps(server.pid) > slept + 500);
    assert(cpuTicks(server.pid) - ticks < 50, "it takes a millisecond of the CPU for each"); // of 10 ms
  });

  experiment("Answer 10 MB", async (server) => {
    using conn = await asks(server);
    await waitFor("the end of the answer", () => server.stdout.some((line) => / shutdown\(/.test(line)));
    assert((await readAll(conn)).length < TEN_MB); // what did not fit is lost
  }, { lessons: ["04-busy-poll", "05-select"], args: ["--trace"] });
  experiment("Answer 10 MB", answersTenMB, { lessons: ["03-thread-pool"] }); // here send sleeps

  experiment("Forget to take out who has left", forgetsWhoHasLeft);
  experiment("Keep the connection", keepsTheConnection);
});

experimentsOf("05-select", (experiment) => {
  experiment("Forget to take out who has left", forgetsWhoHasLeft);
  experiment("Answer 10 MB", answersTenMB);

  experiment("Watch no newcomer", async (server) => {
    using _conn = await asks(server);
    await waitFor("a second socket, which is accepted", () => resources(server).sockets >= 2);
    await unread(server);
    await sleepsIn(server, SYSCALL.select);
  });
});

experimentsOf("06-epoll", (experiment: Experiment) => {
  experiment("Answer 10 MB", answersTenMB);
  experiment("Keep the connection", keepsTheConnection);

  experiment("Never close an early leaver", async (server) => {
    await sleepsIn(server, SYSCALL.epoll_wait);
    const before = cpuTicks(server.pid);
    (await connect(server)).close();
    await waitFor("a server that spins", () => cpuTicks(server.pid) > before + 30);
  });

  experiment("Ask for room from the start", async (server) => {
    using conn = await connect(server);
    assertEquals(await readAll(conn), RESPONSE_TEXT); // without a question
  });

  experiment("Edge-triggered", async (server) => {
    using conn = await connect(server);
    conn.setNoDelay(true);
    const rest = () => connections(server.port, conn.localAddr.port)[0].unread;
    await sendAll(conn, REQUEST);
    for (let left = REQUEST.length - 16; left > 0; left = left + 1 - 16) {
      await waitFor("a request of which a part is unread", () => rest() === left);
      await sleepsIn(server, SYSCALL.epoll_wait);
      await sendAll(conn, "x"); // something new: 16 bytes more are read
    }
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  });

  experiment("Edge-triggered, and drained", async (server) => {
    assertEquals(await load(server, 10, 2), []);
    (await connect(server)).close();
    const long = REQUEST.replace("Host", `X: ${"x".repeat(10_000)}\r\nHost`);
    assertEquals(await get(server, long), RESPONSE_TEXT);
  });

  for (const [name, left] of [["Forget unregister", 0], ["Forget close", 5]] as const) {
    experiment(name, async (server) => {
      const before = resources(server).sockets;
      assertEquals(await load(server, 5, 1), []);
      await waitFor(`${left} sockets more`, () => resources(server).sockets === before + left);
    });
  }

  experiment("A time limit for silent clients", async (server) => {
    using silent = await connect(server);
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(await readAll(silent), ""); // it is cut off
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(server.stderr, []);
  }, { more: [replace("< 10_000)", "< 100)")] });

  experiment("Four threads with an epoll each", async (server) => {
    await asleep(server, 4, SYSCALL.epoll_wait);
    // The herd: more than one wakes for a client, and all but one find nobody.
    await waitFor("a worker that was woken for nothing", async () => {
      assertEquals(await load(server, 8, 4), []);
      return server.stdout.some((line) => /worker \d .*accept4?\(\d+\) = -1 EAGAIN/.test(line));
    });
    await asleep(server, 4, SYSCALL.epoll_wait);
    assertEquals(server.stderr, []);
  }, { args: ["--trace"] });
});
