/** What a person types and reads: options, errors, the end. */
import { assertEquals, assertMatch } from "@std/assert";
import { changed, replace, written } from "../support/changed.ts";
import { connect, get, RESPONSE_TEXT } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { alive, asleep, children, resources, SYSCALL } from "../support/proc.ts";
import { LESSONS, type Runtime, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { run, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** What is wrong, the arguments, and what standard error says after the lesson's name. */
const WRONG: [args: string, code: number, says: RegExp][] = [
  ["--prot 1", 2, /--prot/],
  ["9696", 2, /9696/],
  ["-h", 2, /-h/],
  ["--port", 2, /--port/],
  ["--port=", 2, /--port/],
  ["--port 65536", 2, /from 0 to 65535/],
  ["--port -1", 2, /--port/],
  ["--port 1e3", 2, /1e3/],
  ["--port 0x10", 2, /0x10/],
  ["--host", 2, /--host/],
  ["--lesson mine", 2, /--lesson/],
  ["--toString 1", 2, /--toString/],
  ["--host 256.0.0.1", 2, /256\.0\.0\.1/],
  ["--host 1.2.3", 2, /1\.2\.3/],
  ["--help=yes", 2, /--help/],
  ["--trace=1", 2, /--trace/],
  ["--host 192.0.2.1", 1, /this machine has no address 192\.0\.2\.1: .*--host/],
];
once("what is wrong on the command line is one sentence", async (runtime) => {
  await using server = await start("06-epoll", runtime);
  const inUse = `port ${server.port} is in use: .*--port`;
  const rows = [...WRONG, [`--port ${server.port}`, 1, new RegExp(inUse)] as const];
  for (const [args, code, says] of rows) {
    const { stderr, ...rest } = await run("04-busy-poll", runtime, { args: args.split(" ") });
    assertEquals(rest, { code, stdout: "" }, args);
    assertMatch(stderr, new RegExp(`^04-busy-poll: [^\\n]*${says.source}[^\\n]*\\n$`), args);
  }
});

// Root may take any port, so take that right away.
const before = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-net_bind_service"] : [];
const lowPortsAreOpen = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start").trim() === "0";
once("a port that needs more rights is one sentence", async (runtime) => {
  const { code, stderr } = await run("04-busy-poll", runtime, { args: ["--port", "81"], before });
  assertEquals(code, 1);
  assertMatch(stderr, /^04-busy-poll: port 81 needs more rights: [^\n]*--port[^\n]*\n$/);
}, { ignore: lowPortsAreOpen || (before.length > 0 && !succeeds("setpriv", "--version")) });

once("--host localhost, and an option of a copy's own", async (runtime) => {
  const script = await changed(
    "03-thread-pool",
    replace("const server = createServer(options(", "const own = options("),
    replace(
      `that share the connections"))`,
      `that share", { pool: 4, body: "A" });\n  const server = createServer(own)`,
    ),
    replace("i < 4", "i < own.pool"),
  );
  const { stdout } = await run("03-thread-pool", runtime, { script, args: ["--help"] });
  assertMatch(stdout, /^mine: four threads, made once, that share\n/);
  for (const option of ["--host", "--port", "--trace", "--help", "--pool N .*default 4", "--body TEXT"]) {
    assertMatch(stdout, new RegExp(`^ +${option}`, "m"));
  }
  for (const pool of ["-1", "many", ""]) {
    const { code, stderr } = await run("03-thread-pool", runtime, { script, args: [`--pool=${pool}`] });
    assertEquals(code, 2);
    assertMatch(stderr, /^mine: [^\n]*--pool[^\n]*\n$/);
  }
  const args = ["--pool", "2", "--body=x=y", "--host", "localhost"];
  await using server = await start("03-thread-pool", runtime, { script, args });
  assertMatch(server.stdout[0], /listening on http:\/\/127\.0\.0\.1:\d+$/);
  await asleep(server, 2, SYSCALL.accept);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(resources(server).threads, 2);
});

each(
  "a signal under load ends it, frees the port and leaves nobody behind",
  LESSONS,
  async (lesson, runtime) => {
    let port = 0;
    for (const signal of ["SIGINT", "SIGTERM"] as const) { // the second takes the port at once
      await using server = await start(lesson, runtime, { args: ["--port", `${port}`] });
      port = server.port;
      using _silent = await connect(server);
      let stopped = false;
      const client = async () => {
        while (!stopped) await get(server).catch(() => {});
      };
      const clients = [client(), client(), client(), client()];
      if (lesson === "01-fork") await waitFor("children under load", () => children(server.pid).length > 1);
      else await get(server);
      const family = [server.pid, ...children(server.pid)];
      server.kill(signal);
      assertEquals((await server.status).signal, signal);
      await waitFor("the end of every process", () => family.every((pid) => !alive(pid)));
      stopped = true;
      await Promise.all(clients);
    }
  },
);

for (
  const [lesson, given, missing] of [
    ["02-thread", "--allow-ffi", "read"],
    ["02-thread", "--allow-read", "ffi"],
    ["06-epoll", "--no-prompt", "ffi"],
  ] as const
) {
  Deno.test(`${lesson} on deno: with ${given} alone, one sentence says what is missing`, async () => {
    const command = [Deno.execPath(), "run", given, "--no-prompt"];
    const { stderr, ...rest } = await run(lesson, "deno", { command, args: ["--port", "0"] });
    assertEquals(rest, { code: 1, stdout: "" });
    assertMatch(stderr, new RegExp(`^[^\\n]*--allow-${missing}\\b[^\\n]*\\n$`));
  });
}

/** What makes a runtime believe that it runs elsewhere. */
const ELSEWHERE: Record<Runtime, string> = {
  deno: `Object.defineProperty(Deno, "build", { value: { ...Deno.build, os: "darwin" } });`,
  bun: `Object.defineProperty(process, "platform", { value: "darwin" });`,
  node: `Object.defineProperty(process, "platform", { value: "darwin" });`,
};
const PRELOAD: Record<Runtime, readonly string[]> = {
  deno: [Deno.execPath(), "run", "-A", "--preload"],
  bun: ["bun", "--preload"],
  node: ["node", "--import"],
};

/** What 06 says behind `code`, which makes its runtime another one. */
async function preloaded(runtime: Runtime, code: string) {
  const command = [...PRELOAD[runtime], await written({ "elsewhere.mjs": code })];
  const { stderr, ...rest } = await run("06-epoll", runtime, { command });
  assertEquals(rest, { code: 1, stdout: "" });
  return stderr;
}

once("elsewhere than on Linux, one sentence with a container's command", async (runtime) => {
  assertMatch(
    await preloaded(runtime, ELSEWHERE[runtime]),
    new RegExp(
      `^06-epoll\\.ts [^\\n]*: docker run [^\\n]*9696:9696 [^\\n]*[ /]${runtime} [^\\n]*06-epoll\\.ts [^\\n]*\\n$`,
    ),
  );
});

const ignore = !RUNTIMES.includes("node");
Deno.test({ name: "a Node.js without node:ffi says which one has it", ignore }, async () => {
  const says = await preloaded(
    "node",
    `
    const { getBuiltinModule } = process;
    process.getBuiltinModule = (name) => name === "node:ffi" ? undefined : getBuiltinModule(name);`,
  );
  assertMatch(says, /^Node\.js v[^\n]*node:ffi[^\n]*npx -y -p node@[^\n]*06-epoll\.ts[^\n]*\n$/);
});
