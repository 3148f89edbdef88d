/** "Break it" (lessons/README.md): 04 to 06, in which one thread serves all clients. */
import { assert, assertEquals } from "@std/assert";
import { replace } from "../support/changed.ts";
import { answer, connect, get, KEEP_ALIVE_TEXT, load, readAll } from "../support/clients.ts";
import { REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { experimentsOf, nextWaits, outcome } from "../support/declare.ts";
import { asleep, children, cpuSeconds, mainCall } from "../support/proc.ts";
import { resources, sleeps } from "../support/proc.ts";
import type { Server } from "../support/servers.ts";
import { tcpSockets, unread } from "../support/sockets.ts";
import { until } from "../support/wait.ts";

async function keepsTheConnection(server: Server) {
  using clients = await silent(server, 2);
  for (const conn of [...clients, ...clients]) assertEquals(await answer(conn), KEEP_ALIVE_TEXT);
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

experimentsOf("04-busy-poll", (experiment) => {
  experiment("Leave the accepted sockets blocking", nextWaits(1, (server) => mainCall(server) === "recv"));

  experiment("Rest for a millisecond", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    const [slept, seconds] = [sleeps(server.pid), cpuSeconds(server.pid)];
    await until(() => sleeps(server.pid) > slept + 500);
    assert(cpuSeconds(server.pid) - seconds < 0.5, "it takes a millisecond of the CPU for each");
  });

  experiment("Answer 10 MB", async (server) => {
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    await until(() => server.stdout.some((line) => / shutdown\(/.test(line)));
    assert((await readAll(conn)).length < TEN_MB); // what did not fit is lost
  }, { lessons: ["04-busy-poll", "05-select"], args: ["--trace"] });
  experiment("Answer 10 MB", answersTenMB, { lessons: ["03-thread-pool"] }); // here send sleeps

  experiment(
    "Forget to take out who has left",
    outcome("answered, ends", /recv: EBADF: this descriptor is not/),
  );
  experiment("Keep the connection", keepsTheConnection);
});

experimentsOf("05-select", (experiment) => {
  experiment(
    "Forget to take out who has left",
    outcome("answered, ends", /select: EBADF: this descriptor is not/),
  );
  experiment("Answer 10 MB", answersTenMB);

  experiment("Watch no newcomer", async (server) => {
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    await until(() => resources(server).sockets >= 2);
    await unread(server);
    await until(() => mainCall(server) === "select");
  });
});

experimentsOf("06-epoll", (experiment) => {
  experiment("Answer 10 MB", answersTenMB);
  experiment("Keep the connection", keepsTheConnection);

  experiment("Never close an early leaver", async (server) => {
    await until(() => mainCall(server) === "epoll_wait");
    (await connect(server)).close();
    const before = cpuSeconds(server.pid);
    await until(() => cpuSeconds(server.pid) > before + 0.3);
  });

  experiment("Ask for room from the start", async (server) => {
    using conn = await connect(server);
    assertEquals(await readAll(conn), RESPONSE_TEXT); // without a question
  });

  experiment("Edge-triggered", async (server) => {
    using conn = await connect(server);
    conn.setNoDelay(true);
    const rest = () => tcpSockets(server.port).find(({ remote }) => remote === conn.localAddr.port)!.received;
    await sendAll(conn, REQUEST);
    for (let left = REQUEST.length - 16; left > 0; left = left + 1 - 16) {
      await until(() => rest() === left);
      await until(() => mainCall(server) === "epoll_wait");
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
