/** "Break it" (lessons/README.md): 01 to 03, in which each client has a process or a thread. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  answer,
  ask,
  connect,
  get,
  KEEP_ALIVE_TEXT,
  readAll,
  REQUEST,
  RESPONSE_TEXT,
  sendAll,
  silent,
} from "../support/clients.ts";
import { experimentsOf } from "../support/declare.ts";
import { alive, asleep, children, connections, mainCall, resources } from "../support/proc.ts";
import { unread, workersIn } from "../support/proc.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/syscalls.ts";
import { ended } from "../support/servers.ts";
import { until } from "../support/wait.ts";

experimentsOf("01-fork", (experiment) => {
  experiment("Forget the parent's close", async (server) => {
    const before = resources(server).sockets;
    for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT); // nobody notices
    await until(() => children(server.pid).length === 0);
    assertEquals(resources(server).sockets, before + 5);
  });

  experiment("Forget it, and close plainly", async (server) => {
    using conn = await connect(server);
    assertEquals(await answer(conn), RESPONSE_TEXT);
    await until(() => children(server.pid).length === 0);
    assertEquals(connections(conn.localAddr.port, server.port).map(({ state }) => state), ["ESTABLISHED"]);
  });

  experiment("Forget waitpid", async (server) => {
    for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => children(server.pid).length === 3 && !children(server.pid).some(alive));
  });

  experiment("Two children at most", async (server) => {
    using two = await silent(server, 2);
    const full = () => mainCall(server) === "waitpid" && children(server.pid).length === 2;
    await until(full);
    const third = get(server);
    await unread(server);
    assert(full());
    two[0].close();
    assertEquals(await third, RESPONSE_TEXT);
  });

  experiment("Forget the child's exit", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => server.stderr.join("\n").includes("accept: EBADF"));
    assertEquals(await get(server), RESPONSE_TEXT);
  });

  experiment("A second server", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => children(server.pid).some((pid) => mainCall({ pid }) === "accept")); // a second server
    for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT);
  });

  experiment("A backlog of 1", async (server) => {
    server.kill("SIGSTOP");
    await until(() => / T /.test(Deno.readTextFileSync(`/proc/${server.pid}/stat`)));
    const clients = Array.from({ length: 5 }, () => connection(server.port, SOCK_NONBLOCK));
    const states = () => connections(undefined, server.port).map(({ state }) => state).sort().join(" ");
    await until(() => states() === "ESTABLISHED ESTABLISHED SYN_SENT SYN_SENT SYN_SENT");
    for (const fd of clients) libc.close(fd);
    server.kill("SIGCONT");
    assertEquals(await get(server), RESPONSE_TEXT);
  });

  experiment("Await in the handler", async (server, lesson) => {
    if (lesson === "02-thread") return assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(await ask(server, "/"), "");
    await until(() => /^child \d+ has ended with connections open \(1\)/.test(server.stderr[0]));
  });
});

experimentsOf("02-thread", (experiment) => {
  experiment("Close at once", async (server) => {
    const seen = await get(server, REQUEST + "x".repeat(1_000_000)).catch((error) => error);
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    assert(seen instanceof ConnectionReset || seen instanceof BrokenPipe, `the client has seen ${seen}`);
  });

  experiment("Close in the main thread as well", async (server) => {
    await get(server).catch(() => {});
    assertEquals(await ended(server), 1);
    assertMatch(server.stderr.join("\n"), /close: EBADF/);
  });

  experiment("Keep the connection", async (server, lesson) => {
    using clients = await silent(server, 4);
    for (const conn of [...clients, clients[0]]) assertEquals(await answer(conn), KEEP_ALIVE_TEXT); // one twice
    if (lesson === "03-thread-pool") return void await asleep(server, 4, "recv"); // none is left for a fifth
    using fifth = await connect(server);
    assertEquals(await answer(fifth), KEEP_ALIVE_TEXT);
  });
});

experimentsOf("03-thread-pool", (experiment) => {
  experiment("A pool of one", async (server) => {
    using one = await silent(server, 1);
    await asleep(server, 1, "recv");
    const other = get(server);
    await unread(server);
    assertEquals([workersIn(server, "recv").length, workersIn(server, "accept")], [1, []]);
    one[0].close();
    assertEquals(await other, RESPONSE_TEXT);
  });

  experiment("A pool of 100", async (server) => {
    using _silent = await silent(server, 5);
    assertEquals(await get(server), RESPONSE_TEXT); // before all hundred have started
  });

  experiment("An option of your own", async (server) => {
    using five = await silent(server, 5);
    await asleep(server, 5, "recv");
    const other = get(server);
    await unread(server);
    five[0].close();
    assertEquals(await other, RESPONSE_TEXT);
  }, { args: ["--pool", "5"] });

  for (const [name, told] of [["Count together", "1111"], ["Count with Atomics", "1234"]]) {
    experiment(name, async (server) => {
      using clients = await silent(server, 4);
      await asleep(server, 4, "recv"); // each of them has read the count
      const answers = await Promise.all(clients.map(async (conn) => {
        await sendAll(conn, REQUEST);
        const text = await readAll(conn);
        conn.close();
        return text.at(-1);
      }));
      assertEquals(answers.sort().join(""), told);
    });
  }
});
