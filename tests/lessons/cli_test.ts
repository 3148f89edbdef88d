/** What a person types and reads: options, errors, the end. */
import { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { written } from "../support/changed.ts";
import { get, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { alive, children } from "../support/proc.ts";
import { type Lesson, LESSONS, RUNTIMES } from "../support/runtimes.ts";
import { run, type Server, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

/** Root may take any port, so take that right away. */
const before = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-net_bind_service"] : [];
const lowPorts = Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));

/** What is wrong on the command line, the exit code, and what standard error says after the lesson's name. */
const WRONG: [args: string, code: number, says: RegExp][] = [
  ["--prot 1", 2, /--prot/],
  ["9696", 2, /9696/],
  ["--port", 2, /--port/],
  ["--port -1", 2, /--port/],
  ["--port 1e3", 2, /1e3/],
  ["--lesson mine", 2, /--lesson/],
  ["--host 127..0.1", 1, /127\.\.0\.1/],
  ["--help=yes", 2, /--help/],
  ["--host 192.0.2.1", 1, /this machine has no such address: .*--host/],
  [`--port ${lowPorts - 1}`, 1, /--port \d+: .*more rights.*--port/],
];
each("what is wrong on the command line is one sentence", ["06-epoll"], async (server, _lesson, runtime) => {
  const inUse = [`--port ${server.port}`, 1, /--port \d+: .*in use: .*--port/] as const;
  for (const [args, code, says] of [...WRONG, inUse]) {
    if (lowPorts < 2 && args.endsWith("-1")) continue; // here anybody may take any port
    const { stderr, ...rest } = await run("04-busy-poll", runtime, { args: args.split(" "), before });
    assertEquals(rest, { code, stdout: "" }, args);
    assertMatch(stderr, new RegExp(`^04-busy-poll: [^\\n]*${says.source}[^\\n]*\\n$`), args);
  }
});

once("options of a copy's own, and --help", async (runtime) => {
  const own = { pool: 4, body: "A", maxClients: 8, ratio: 0.5, http2: false };
  const script = await written({
    "mine.ts": `import { createServer, options } from "../shared/server.ts";
      const address = options("what it shows", ${JSON.stringify(own)});
      console.log(JSON.stringify(address));
      createServer(address);`,
  });
  const told = (args: string) => run("06-epoll", runtime, { script, args: args.split(" ") });

  const help = (await told("--help")).stdout;
  assertMatch(help, /^mine: what it shows\n/);
  const lines = "host 127.0.0.1|port 9696|trace|help|pool 4|body A|maxClients 8|ratio 0.5|http2";
  for (const line of lines.split("|")) assertMatch(help, new RegExp(`^ +--${line}\\b`, "m"));

  const given = "--host localhost --port 0 --pool 2 --body=x=y --maxClients=9 --ratio 0.25 --http2";
  const [json, listens] = (await told(given)).stdout.split("\n");
  assertMatch(listens, /^mine listening on http:\/\/127\.0\.0\.1:\d+$/);
  const { lesson, trace, help: _, ...values } = JSON.parse(json);
  const expected = { pool: 2, body: "x=y", maxClients: 9, ratio: 0.25, http2: true };
  assertEquals([lesson, trace, values], ["mine", false, { host: "localhost", port: 0, ...expected }]);

  const wrong = "--pool=-1 --pool=many --pool= --body --maxClients --http2=yes --max-clients=1";
  for (const option of wrong.split(" ")) {
    const { code, stderr } = await told(option);
    assertEquals(code, 2, option);
    assertMatch(stderr, new RegExp(`^mine: [^\\n]*${option.split("=")[0]}[^\\n]*\\n$`));
  }
});

each("SIGINT, and SIGTERM, end it under load, and leave nobody", LESSONS, async (server, lesson, runtime) => {
  const ends = async (server: Server, signal: Deno.Signal) => {
    using _silent = await silent(server, 1);
    const clients = [1, 2, 3, 4].map(async () => {
      while (await get(server).catch(() => ""));
    });
    if (lesson === "01-fork") await until(() => children(server.pid).length > 1);
    else await get(server);
    const family = [server.pid, ...children(server.pid)];
    server.kill(signal);
    assertEquals((await server.status).signal, signal);
    await until(() => !family.some(alive));
    await Promise.all(clients);
  };
  await ends(server, "SIGINT");
  // The port can be taken again at once.
  await using next = await start(lesson, runtime, { args: ["--port", `${server.port}`] });
  await ends(next, "SIGTERM");
});

const deno = `'${Deno.execPath()}'`;
const DARWIN = `Object.defineProperty(process, "platform", { value: "darwin" });`;
const DENO_ON_DARWIN = `Object.defineProperty(Deno, "build", { value: { ...Deno.build, os: "darwin" } });`;
const NO_FFI = `const { getBuiltinModule } = process;
  process.getBuiltinModule = (name) => name === "node:ffi" ? undefined : getBuiltinModule(name);`;
const CONTAINER =
  /06-epoll\.ts [^\n]*: docker run [^\n]*127\.0\.0\.1:9696:9696 [^\n]*06-epoll\.ts --host 0\.0\.0\.0/;
/** A lesson, a command, code that makes its runtime another one before the lesson is loaded, and what is said then. */
const NOWHERE: [lesson: Lesson, command: string, code: string, says: RegExp][] = [
  ["06-epoll", `${deno} run --allow-read --no-prompt`, "", /[^\n]*--allow-ffi\b/],
  ["02-thread", `${deno} run --allow-ffi --no-prompt`, "", /[^\n]*--allow-read\b/],
  ["01-fork", `env -C lessons ${deno} run -A - <lessons/01-fork.ts #`, "", /fork [^\n]*to be a file/],
  ["06-epoll", `${deno} run -A --preload`, DENO_ON_DARWIN, CONTAINER],
  ["06-epoll", "bun --preload", DARWIN, CONTAINER],
  ["06-epoll", "node --import", DARWIN, CONTAINER],
  ["06-epoll", "node --import", NO_FFI, /Node\.js v[^\n]*node:ffi[^\n]*npx -y -p node@[^\n]*06-epoll\.ts/],
];
for (const [lesson, command, code, says] of NOWHERE) {
  const runtime = RUNTIMES.find((runtime) => command.includes(runtime));
  Deno.test({
    name: `${lesson} where it cannot run, one sentence says so: ${command}, ${says}`,
    ignore: !runtime,
    async fn() {
      const path = await written({ "elsewhere.mjs": code });
      const preload = code ? [runtime === "node" ? pathToFileURL(path).href : path] : [];
      const shell = ["sh", "-c", `exec ${command} "$@"`, "sh", ...preload];
      const { stderr, ...rest } = await run(lesson, runtime!, { command: shell });
      assertEquals(rest, { code: 1, stdout: "" });
      assertMatch(stderr, new RegExp(`^${says.source}[^\\n]*\\n$`));
    },
  });
}
