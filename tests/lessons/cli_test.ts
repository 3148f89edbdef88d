/** What a person types and reads: options, errors, the end. */
import { assertEquals, assertMatch } from "@std/assert";
import { pathToFileURL } from "node:url";
import { changed, replace, written } from "../support/changed.ts";
import { get, RESPONSE_TEXT, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { alive, asleep, children, resources } from "../support/proc.ts";
import { LESSONS, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { run, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

/** Root may take any port, so take that right away. */
const before = Deno.uid() === 0 && succeeds("setpriv", "--version")
  ? ["setpriv", "--bounding-set=-net_bind_service"]
  : [];
const lowPorts = Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));

/** What is wrong on the command line, the exit code, and what standard error says after the lesson's name. */
const WRONG: [args: string, code: number, says: RegExp][] = [
  ["--prot 1", 2, /--prot/],
  ["9696", 2, /9696/],
  ["--port", 2, /--port/],
  ["--port 65536", 2, /0 to 65535/],
  ["--port -1", 2, /--port/],
  ["--port 1e3", 2, /1e3/],
  ["--lesson mine", 2, /--lesson/],
  ["--host 256.0.0.1", 2, /256\.0\.0\.1/],
  ["--host 127..0.1", 2, /127\.\.0\.1/],
  ["--help=yes", 2, /--help/],
  ["--host 192.0.2.1", 1, /this machine has no such address: .*--host/],
  [`--port ${lowPorts - 1}`, 1, /port \d+ .*more rights.*--port/],
];
each("what is wrong on the command line is one sentence", ["06-epoll"], async (server, _lesson, runtime) => {
  const inUse = [`--port ${server.port}`, 1, /port \d+ .*in use: .*--port/] as const;
  for (const [args, code, says] of [...WRONG, inUse]) {
    if (lowPorts < 2 && args.endsWith("-1")) continue; // here anybody may take any port
    const { stderr, ...rest } = await run("04-busy-poll", runtime, { args: args.split(" "), before });
    assertEquals(rest, { code, stdout: "" }, args);
    assertMatch(stderr, new RegExp(`^04-busy-poll: [^\\n]*${says.source}[^\\n]*\\n$`), args);
  }
});

const OWN = { pool: 4, body: "A", maxClients: 8, ratio: 0.5, http2: false };
once("--host localhost, and options of a copy's own", async (runtime) => {
  const script = await changed(
    "03-thread-pool",
    replace("const server = createServer(options(", "const own = options("),
    replace(
      'the connections"))',
      `them", ${JSON.stringify({ ...OWN, port: 0 })});\n  console.log(JSON.stringify(own))`,
    ),
    replace("const threads:", "const server = createServer(own);\n  const threads:"),
    replace("i < 4", "i < own.pool"),
  );
  const { stdout } = await run("03-thread-pool", runtime, { script, args: ["--help"] });
  assertMatch(stdout, /^mine: four threads, made once, that share them\n/);
  const named = [
    "--host",
    "--port",
    "--trace",
    "--help",
    "--pool N .*4",
    "--body TEXT .*A",
    "--maxClients N",
    "--http2",
  ];
  for (const option of named) assertMatch(stdout, new RegExp(`^ +${option}`, "m"));
  for (
    const wrong of [
      "--pool=-1",
      "--pool=many",
      "--pool=",
      "--body",
      "--maxClients",
      "--http2=yes",
      "--max-clients=1",
    ]
  ) {
    const { code, stderr } = await run("03-thread-pool", runtime, { script, args: [wrong] });
    assertEquals(code, 2, wrong);
    assertMatch(stderr, new RegExp(`^mine: [^\\n]*${wrong.split("=")[0]}[^\\n]*\\n$`));
  }
  const args = [
    "--pool",
    "2",
    "--body=x=y",
    "--maxClients=9",
    "--ratio",
    "0.25",
    "--http2",
    "--host",
    "localhost",
  ];
  await using server = await start("03-thread-pool", runtime, { script, args });
  await asleep(server, 2, "accept");
  assertEquals([await get(server), resources(server).threads], [RESPONSE_TEXT, 2]);
  const { pool, body, maxClients, ratio, http2, host, port } = JSON.parse(server.stdout[0]);
  assertEquals([pool, body, maxClients, ratio, http2, host, port], [2, "x=y", 9, 0.25, true, "127.0.0.1", 0]);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  each(`${signal} under load ends it, and leaves nobody behind`, LESSONS, async (server, lesson, runtime) => {
    using _silent = await silent(server, 1);
    let stopped = false;
    const client = async () => {
      while (!stopped) await get(server).catch(() => {});
    };
    const clients = [client(), client(), client(), client()];
    if (lesson === "01-fork") await until(() => children(server.pid).length > 1);
    else await get(server);
    const family = [server.pid, ...children(server.pid)];
    server.kill(signal);
    assertEquals((await server.status).signal, signal);
    await until(() => !family.some(alive));
    stopped = true;
    await Promise.all(clients);
    // The port can be taken again at once.
    await using _next = await start(lesson, runtime, { args: ["--port", `${server.port}`] });
  });
}

const deno = Deno.execPath();
const DARWIN = `Object.defineProperty(process, "platform", { value: "darwin" });`;
const DENO_ON_DARWIN = `Object.defineProperty(Deno, "build", { value: { ...Deno.build, os: "darwin" } });`;
const CONTAINER =
  /06-epoll\.ts [^\n]*: docker run [^\n]*127\.0\.0\.1:9696:9696 [^\n]*06-epoll\.ts --host 0\.0\.0\.0/;
/** A command, code that makes its runtime another one before the lesson is loaded, and what 06 says then. */
const ELSEWHERE: [command: string, code: string, says: RegExp][] = [
  [`${deno} run --allow-read --no-prompt`, "", /[^\n]*--allow-ffi\b/],
  [`${deno} run -A --preload`, DENO_ON_DARWIN, CONTAINER],
  ["bun --preload", DARWIN, CONTAINER],
  ["node --import", DARWIN, CONTAINER],
  [
    "node --import",
    `const { getBuiltinModule } = process;
    process.getBuiltinModule = (name) => name === "node:ffi" ? undefined : getBuiltinModule(name);`,
    /Node\.js v[^\n]*node:ffi[^\n]*npx -y -p node@[^\n]*06-epoll\.ts/,
  ],
];
for (const [command, code, says] of ELSEWHERE) {
  const runtime = RUNTIMES.find((runtime) => command.includes(runtime));
  Deno.test({
    name: `where it cannot run, one sentence says so: ${command}, ${says}`,
    ignore: !runtime,
    async fn() {
      const path = await written({ "elsewhere.mjs": code });
      const preload = code ? [runtime === "node" ? pathToFileURL(path).href : path] : [];
      const { stderr, ...rest } = await run("06-epoll", runtime!, {
        command: [...command.split(" "), ...preload],
      });
      assertEquals(rest, { code: 1, stdout: "" });
      assertMatch(stderr, new RegExp(`^${says.source}[^\\n]*\\n$`));
    },
  });
}
Deno.test("02-thread on deno: without the permission to read, one sentence says so", async () => {
  const command = [deno, "run", "--allow-ffi", "--no-prompt"];
  const { code, stderr } = await run("02-thread", "deno", { command });
  assertEquals(code, 1);
  assertMatch(stderr, /^[^\n]*--allow-read\b[^\n]*\n$/);
});
