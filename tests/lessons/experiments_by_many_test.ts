/** "Break it" (lessons/README.md): 01 to 03, in which each client has a process or a thread. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { answer, connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { experimentsOf } from "../support/declare.ts";
import { alive, asleep, children, connections, mainCall, resources, SYSCALL } from "../support/proc.ts";
import { unread, workersIn } from "../support/proc.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/syscalls.ts";
import { waitFor } from "../support/wait.ts";

experimentsOf("01-fork", (experiment) => {
  experiment("Forget the parent's close", async (server) => {
    const before = resources(server).sockets;
    for (let i = 0; i < 5; i++) assertEquals(await get(server), RESPONSE_TEXT); // nobody notices
    await waitFor("the end of the children", () => children(server.pid).length === 0);
    assertEquals(resources(server).sockets, before + 5);
  });

  experiment("Forget it, and close plainly", async (server) => {
    using conn = await connect(server);
    assertEquals(await answer(conn), RESPONSE_TEXT);
    await waitFor("the end of the child", () => children(server.pid).length === 0);
    assertEquals(connections(conn.localAddr.port, server.port).map(({ state }) => state), ["ESTABLISHED"]);
  });

  experiment("Forget waitpid", async (server) => {
    for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
    await waitFor("three zombies", () => {
      const all = children(server.pid);
      return all.length === 3 && !all.some(alive);
    });
  });

  experiment("Two children at most", async (server) => {
    const [first, second] = [await connect(server), await connect(server)];
    const full = () => SYSCALL.waitpid.includes(mainCall(server)) && children(server.pid).length === 2;
    await waitFor("two children, and a parent in waitpid", full);
    const third = get(server);
    await unread(server);
    assert(full());
    first.close();
    assertEquals(await third, RESPONSE_TEXT);
    second.close();
  });

  experiment("Forget the child's exit(0)", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    await waitFor("the error", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], /^child \d+: Error: accept: a child has come into its parent's loop/);
    assertEquals(await get(server), RESPONSE_TEXT);
  });

  experiment("A backlog of 1", async (server) => {
    server.kill("SIGSTOP");
    await waitFor("a stopped server", () => / T /.test(Deno.readTextFileSync(`/proc/${server.pid}/stat`)));
    const clients = Array.from({ length: 5 }, () => connection(server.port, SOCK_NONBLOCK));
    try {
      const states = () => connections(undefined, server.port).map(({ state }) => state).sort().join(" ");
      const wanted = "ESTABLISHED ESTABLISHED SYN_SENT SYN_SENT SYN_SENT";
      await waitFor(`two connections, and three attempts`, () => states() === wanted);
    } finally {
      for (const fd of clients) libc.close(fd);
    }
    server.kill("SIGCONT");
    assertEquals(await get(server), RESPONSE_TEXT);
  });
});

experimentsOf("02-thread", (experiment) => {
  experiment("Close at once", async (server) => {
    const seen = await get(server, REQUEST + "x".repeat(1_000_000)).catch((error) => error);
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    assert(seen instanceof ConnectionReset || seen instanceof BrokenPipe, `the client has seen ${seen}`);
  });

  experiment("Keep the connection", async (server, lesson) => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
    for (const conn of clients) assertEquals(await answer(conn), RESPONSE_TEXT);
    assertEquals(await answer(clients[0]), RESPONSE_TEXT); // once more
    if (lesson === "03-thread-pool") { // no thread is left for a fifth
      await asleep(server, 4, SYSCALL.recv);
    } else {
      using fifth = await connect(server);
      assertEquals(await answer(fifth), RESPONSE_TEXT);
    }
    for (const conn of clients) conn.close();
  });
});

experimentsOf("03-thread-pool", (experiment) => {
  experiment("A pool of one", async (server) => {
    const silent = await connect(server);
    await asleep(server, 1, SYSCALL.recv);
    const other = get(server);
    await unread(server);
    assertEquals([SYSCALL.recv, SYSCALL.accept].map((call) => workersIn(server, call).length), [1, 0]);
    silent.close();
    assertEquals(await other, RESPONSE_TEXT);
  });

  experiment("A pool of 100", async (server) => {
    const silent = await Promise.all([1, 2, 3, 4, 5].map(() => connect(server)));
    assertEquals(await get(server), RESPONSE_TEXT); // before all hundred have started
    for (const conn of silent) conn.close();
  });

  for (const [name, told] of [["Count together", "1111"], ["Count with Atomics", "1234"]]) {
    experiment(name, async (server) => {
      const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
      await asleep(server, 4, SYSCALL.recv); // each of them has read the count
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
