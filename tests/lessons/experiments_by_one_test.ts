/** "Break it" (lessons/README.md): 04 to 06, in which one thread serves all clients. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { replace } from "../support/changed.ts";
import { answer, connect, get, KEEP_ALIVE_TEXT, load, readAll } from "../support/clients.ts";
import { REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { experimentsOf } from "../support/declare.ts";
import { asleep, children, connections, cpuTicks, mainCall } from "../support/proc.ts";
import { resources, sleeps, sleepsIn, unread } from "../support/proc.ts";
import { ended, type Server } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const TEN_MB = RESPONSE_TEXT.length + "0000000".length + 10_000_000 - "A".length;
async function asks(server: Server) {
  const conn = await connect(server);
  await sendAll(conn, REQUEST);
  return conn;
}

async function forgetsWhoHasLeft(server: Server, lesson: string) {
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(await ended(server), 1);
  const call = lesson === "04-busy-poll" ? "recv" : "select";
  assertMatch(server.stderr.join("\n"), new RegExp(`${call}: EBADF: this descriptor is not open`));
}

async function keepsTheConnection(server: Server) {
  using conn = await connect(server);
  for (let i = 0; i < 3; i++) assertEquals(await answer(conn), KEEP_ALIVE_TEXT);
  using other = await connect(server); // beside it
  assertEquals(await answer(other), KEEP_ALIVE_TEXT);
}

async function answersTenMB(server: Server) {
  for (const leaves of [false, true, false]) { // the second in the middle
    using conn = await asks(server);
    if (leaves) await conn.read(new Uint8Array(1000));
    else assertEquals((await readAll(conn)).length, TEN_MB);
  }
}

experimentsOf("04-busy-poll", (experiment) => {
  experiment("Leave the accepted sockets blocking", async (server) => {
    using one = await silent(server, 1);
    await sleepsIn(server, "recv");
    const other = get(server);
    await unread(server);
    assertEquals(mainCall(server), "recv");
    one[0].close();
    assertEquals(await other, RESPONSE_TEXT);
  });

  experiment("Rest for a millisecond", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    const [slept, ticks] = [sleeps(server.pid), cpuTicks(server.pid)];
    await until(() => sleeps(server.pid) > slept + 500);
    assert(cpuTicks(server.pid) - ticks < 50, "it takes a millisecond of the CPU for each"); // of 10 ms
  });

  experiment("Answer 10 MB", async (server) => {
    using conn = await asks(server);
    await until(() => server.stdout.some((line) => / shutdown\(/.test(line)));
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
    await until(() => resources(server).sockets >= 2);
    await unread(server);
    await sleepsIn(server, "select");
  });
});

experimentsOf("06-epoll", (experiment) => {
  experiment("Answer 10 MB", answersTenMB);
  experiment("Keep the connection", keepsTheConnection);

  experiment("Never close an early leaver", async (server) => {
    await sleepsIn(server, "epoll_wait");
    const before = cpuTicks(server.pid);
    (await connect(server)).close();
    await until(() => cpuTicks(server.pid) > before + 30);
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
      await until(() => rest() === left);
      await sleepsIn(server, "epoll_wait");
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
      await until(() => resources(server).sockets === before + left);
    });
  }

  experiment("A time limit for silent clients", async (server) => {
    using silent = await connect(server);
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(await readAll(silent), ""); // it is cut off
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(server.stderr, []);
  }, { more: [replace("< 10_000)", "< 100)")] });

  experiment("Four processes with an epoll each", async (server) => {
    await until(() => children(server.pid).filter((pid) => mainCall({ pid }) === "epoll_wait").length === 3);
    assertEquals(await load(server, 20, 4), []);
    assertEquals(children(server.pid).length, 3);
    assertEquals(server.stderr, []);
  });

  experiment("Four threads with an epoll each", async (server) => {
    await asleep(server, 4, "epoll_wait");
    // The herd: more than one wakes for a client, and all but one find nobody.
    await until(async () => {
      assertEquals(await load(server, 8, 4), []);
      return server.stdout.some((line) => /worker \d .*accept4?\(\d+\) = -1 EAGAIN/.test(line));
    });
    await asleep(server, 4, "epoll_wait");
    assertEquals(server.stderr, []);
  }, { args: ["--trace"] });
});
