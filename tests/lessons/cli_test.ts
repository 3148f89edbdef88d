/** What a person types and reads: options, first lines, errors, the end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, get, RESPONSE_TEXT } from "../support/clients.ts";
import { alive, children } from "../support/proc.ts";
import { LESSONS, ROOT, succeeds } from "../support/runtimes.ts";
import { run, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";

each("says where it listens and how to try it", LESSONS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  await waitFor("the second line", () => server.stdout.length === 2);
  const url = `http://127.0.0.1:${server.port}`;
  assertEquals(server.stdout, [`${lesson} listening on ${url}`, `Try: curl -i ${url}   Stop: Ctrl-C`]);
});

each("--help says what it shows and takes", LESSONS, async (lesson, runtime) => {
  const { code, stdout, stderr } = await run(lesson, runtime, { args: ["--help"] });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertMatch(stdout, new RegExp(`^${lesson}: .*\n`));
  for (const option of ["--host", "--port", "--trace", "--help"]) assert(stdout.includes(option), option);
});

each("an unknown option is one line, and exit code 2", LESSONS, async (lesson, runtime) => {
  const { code, stdout, stderr } = await run(lesson, runtime, { args: ["--prot", "1"] });
  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertMatch(stderr, /^[^\n]*--prot[^\n]*\n$/);
});

each("a port in use is one sentence, and exit code 1", LESSONS, async (lesson, runtime) => {
  await using server = await start("06-epoll", runtime);
  const { code, stdout, stderr } = await run(lesson, runtime, { args: ["--port", String(server.port)] });
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertMatch(stderr, new RegExp(`^${lesson}: port ${server.port} is in use: [^\n]*--port[^\n]*\n$`));
});

each(
  "an address that is not here is one sentence, and exit code 1",
  ["04-busy-poll"],
  async (lesson, runtime) => {
    const { code, stderr } = await run(lesson, runtime, { args: ["--host", "192.0.2.1"] });
    assertEquals(code, 1);
    assertMatch(stderr, /^04-busy-poll: this machine has no address 192\.0\.2\.1: [^\n]*--host[^\n]*\n$/);
  },
);

// Root may take any port, so take that right away.
const before = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-net_bind_service"] : [];
const lowPortsAreOpen = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start").trim() === "0";
each(
  "a port that needs more rights is one sentence, and exit code 1",
  ["04-busy-poll"],
  async (lesson, runtime) => {
    const { code, stderr } = await run(lesson, runtime, { args: ["--port", "81"], before });
    assertEquals(code, 1);
    assertMatch(stderr, /^04-busy-poll: port 81 needs more rights: [^\n]*--port[^\n]*\n$/);
  },
  { ignore: lowPortsAreOpen || (before.length > 0 && !succeeds("setpriv", "--version")) },
);

Deno.test("without the ffi permission Deno says so, and exits with 1", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "lessons/06-epoll.ts"],
    cwd: ROOT,
    stdin: "null",
  });
  const { code, stderr } = await command.output();
  assertEquals(code, 1);
  assertMatch(new TextDecoder().decode(stderr), /^[^\n]*--allow-ffi[^\n]*\n$/);
});

for (const lesson of LESSONS) {
  Deno.test(`${lesson} on deno: is content with the permissions ffi and read`, async () => {
    const command = [Deno.execPath(), "run", "--allow-ffi", "--allow-read", "--no-prompt"];
    await using server = await start(lesson, "deno", { command });
    assertEquals(await get(server), RESPONSE_TEXT);
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  each(
    `${signal} under load ends it, frees the port and leaves nobody behind`,
    LESSONS,
    async (lesson, runtime) => {
      await using server = await start(lesson, runtime);
      const silent = [await connect(server), await connect(server)];
      if (lesson === "01-fork") await waitFor("two children", () => children(server.pid).length === 2);
      let stopped = false;
      const client = async () => {
        while (!stopped) await get(server).catch(() => {});
      };
      const clients = [client(), client(), client(), client()];
      if (lesson === "01-fork") await waitFor("children under load", () => children(server.pid).length > 2);
      else assertEquals(await get(server), RESPONSE_TEXT);
      const family = [server.pid, ...children(server.pid)];
      server.kill(signal);
      assertEquals((await server.status).signal, signal);
      await waitFor("the end of every process", () => family.every((pid) => !alive(pid)));
      stopped = true;
      for (const conn of silent) conn.close();
      await Promise.all(clients);
      // The port can be taken again at once.
      await using again = await start(lesson, runtime, { args: ["--port", String(server.port)] });
      assertEquals(again.port, server.port);
    },
  );
}
