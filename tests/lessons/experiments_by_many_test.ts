/** "Break it" (lessons/README.md): 01 to 03, in which each client has a process or a thread. */
import { assert, assertEquals } from "@std/assert";
import { answer, connect, get, KEEP_ALIVE_TEXT } from "../support/clients.ts";
import { readAll, REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { experimentsOf, nextWaits, outcome } from "../support/declare.ts";
import { alive, asleep, children, mainCall, resources, workersIn } from "../support/proc.ts";
import type { Server } from "../support/servers.ts";
import { tcpSockets } from "../support/sockets.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/syscalls.ts";
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
    assertEquals(tcpSockets(conn.localAddr.port).map(({ closed }) => closed), [false]);
  });

  experiment("Forget waitpid", async (server) => {
    for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => children(server.pid).length === 3 && !children(server.pid).some(alive));
  });

  const full = (server: Server) => mainCall(server) === "waitpid" && children(server.pid).length === 2;
  experiment("Two children at most", nextWaits(2, full));

  experiment("Forget the child's exit", outcome("answered", /accept: EBADF/));

  experiment("A second server", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => children(server.pid).some((pid) => mainCall({ pid }) === "accept")); // a second server
    for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT);
  });

  experiment("A backlog of 1", async (server) => {
    server.kill("SIGSTOP");
    await until(() => / T /.test(Deno.readTextFileSync(`/proc/${server.pid}/stat`)));
    const clients = Array.from({ length: 5 }, () => connection(server.port, SOCK_NONBLOCK));
    const connecting = () => tcpSockets(0, server.port).map(({ connecting }) => connecting).sort();
    await until(() => connecting().join() === "false,false,true,true,true");
    for (const fd of clients) libc.close(fd);
    server.kill("SIGCONT");
    assertEquals(await get(server), RESPONSE_TEXT);
  });

  const open = /^child \d+ has ended with connections open \(1\)/;
  experiment("Await in the handler", outcome("left", open), { lessons: ["01-fork"] });
  experiment("Await in the handler", outcome("answered", /^$/), { lessons: ["02-thread"] });
});

experimentsOf("02-thread", (experiment) => {
  experiment("Close at once", async (server) => {
    const seen = await get(server, REQUEST + "x".repeat(1_000_000)).catch((error) => error);
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    assert(seen instanceof ConnectionReset || seen instanceof BrokenPipe, `the client has seen ${seen}`);
  });

  experiment("Close in the main thread as well", outcome("ends", /close: EBADF/));

  experiment("Keep the connection", async (server, lesson) => {
    using clients = await silent(server, 4);
    for (const conn of [...clients, clients[0]]) assertEquals(await answer(conn), KEEP_ALIVE_TEXT); // one twice
    if (lesson === "03-thread-pool") await asleep(server, 4, "recv"); // none is left for a fifth
  });
});

experimentsOf("03-thread-pool", (experiment) => {
  const taken = (count: number) => (server: Server) =>
    workersIn(server, "recv").length === count && workersIn(server, "accept").length === 0;
  experiment("A pool of one", nextWaits(1, taken(1)));
  experiment("An option of your own", nextWaits(5, taken(5)), { args: ["--pool", "5"] });

  experiment("A pool of 100", async (server) => {
    using _silent = await silent(server, 5);
    assertEquals(await get(server), RESPONSE_TEXT); // before all hundred have started
  });

  for (const [name, told] of [["Count together", "1111"], ["Count with Atomics", "1234"]]) {
    experiment(name, async (server) => {
      using clients = await silent(server, 4);
      await asleep(server, 4, "recv"); // each of them has read the count
      const answers = await Promise.all(clients.map(async (conn) => {
        await sendAll(conn, REQUEST);
        return (await readAll(conn)).at(-1);
      }));
      assertEquals(answers.sort().join(""), told);
    });
  }
});
