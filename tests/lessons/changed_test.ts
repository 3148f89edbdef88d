/** Changed lessons, and lessons in surroundings that are not theirs: they do what was meant, or say what is missing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, changed, replace, written } from "../support/changed.ts";
import { connect, get, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { holdings, SYSCALL, workersIn } from "../support/proc.ts";
import { type Runtime, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { descriptorsAtMost, run, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";
import { settled } from "./talk.ts";

const LOOPS = ["04-busy-poll", "05-select", "06-epoll"] as const;
each("answered clients that do not close make room for others", LOOPS, async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: descriptorsAtMost(64) });
  const clients = await Promise.all(Array.from({ length: 60 }, () => connect(server)));
  for (const conn of clients) await sendAll(conn, REQUEST);
  assertEquals(await settled("the answer to an ordinary client", get(server)), RESPONSE_TEXT);
  for (const conn of clients) conn.close();
});

each(
  "an error that accept passes on from the network is no reason to end",
  ["03-thread-pool", "06-epoll"],
  async (lesson, runtime) => {
    const inject = ["-e", "trace=accept", "-e", "inject=accept:error=EPROTO:when=2"];
    const before = ["strace", "-f", "-qq", "-o", "/dev/null", ...inject];
    await using server = await start(lesson, runtime, { before });
    for (let i = 0; i < 6; i++) {
      assertEquals(await settled("an answer", get(server)), RESPONSE_TEXT);
    }
    assertEquals(server.stderr, []);
  },
  { ignore: !succeeds("strace", "-V") },
);

each("with turn(), timers run while nobody comes", ["02-thread", "06-epoll"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    atLine("import { options }", "above", `import { turn } from "../shared/eventloop.ts";`),
    atLine("createServer(options(", "below", `setInterval(() => console.log("tick"), 10);`),
    atLine("while (true) {", "below", "  await turn();"),
  );
  await using server = await start(lesson, runtime, { script });
  await waitFor("three ticks", () => server.stdout.filter((line) => line === "tick").length > 2);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
});

each("--host localhost", ["06-epoll"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { args: ["--host", "localhost"] });
  assertMatch(server.stdout[0], /listening on http:\/\/127\.0\.0\.1:\d+$/);
});

each("an option of a copy's own", ["03-thread-pool"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    atLine("createServer(", "above", `const own = options("a pool of any size", { pool: 4 });`),
    replace(
      `createServer(options("four threads, made once, that share the connections"))`,
      "createServer(own)",
    ),
    replace("i < 4", "i < own.pool"),
  );
  const help = await run(lesson, runtime, { script, args: ["--help"] });
  assertMatch(help.stdout, /^mine: a pool of any size\n[^]*\n {2}--pool N +\(default 4\)\n/);
  await using server = await start(lesson, runtime, { script, args: ["--pool", "2"] });
  await waitFor("two threads", () => workersIn(server, SYSCALL.accept).length === 2);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(holdings(server).threads, 2);
});

for (
  const [given, lesson, missing] of [
    ["--allow-ffi", "02-thread", "read"],
    ["--allow-ffi", "03-thread-pool", "read"],
    ["--allow-read", "02-thread", "ffi"],
    ["--allow-read", "06-epoll", "ffi"],
  ] as const
) {
  Deno.test(`${lesson} on deno: with ${given} alone, one sentence says what is missing`, async () => {
    const command = [Deno.execPath(), "run", given, "--no-prompt"];
    const { code, stdout, stderr } = await run(lesson, "deno", { command, args: ["--port", "0"] });
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
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

each(
  "elsewhere than on Linux, one sentence with a container's command",
  ["06-epoll"],
  async (lesson, runtime) => {
    const preload = await written({ "elsewhere.mjs": ELSEWHERE[runtime] });
    const { code, stdout, stderr } = await run(lesson, runtime, { command: [...PRELOAD[runtime], preload] });
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertMatch(
      stderr,
      new RegExp(
        `^${lesson}\\.ts [^\\n]*: docker run [^\\n]*-p 9696:9696 [^\\n]*[ /]${runtime} [^\\n]*lessons/${lesson}\\.ts [^\\n]*\\n$`,
      ),
    );
  },
);

const ignore = !RUNTIMES.includes("node");
Deno.test({ name: "a Node.js without node:ffi says which one has it", ignore }, async () => {
  const preload = await written({
    "without.mjs": `
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (name) => name === "node:ffi" ? undefined : getBuiltinModule(name);`,
  });
  const { code, stdout, stderr } = await run("06-epoll", "node", { command: [...PRELOAD.node, preload] });
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertMatch(stderr, /^Node\.js v[^\n]*node:ffi[^\n]*npx -y -p node@[^\n]*06-epoll\.ts\n$/);
});

Deno.test({ name: "Node.js warns of everything but its node:ffi", ignore }, async () => {
  const script = await changed(
    "02-thread",
    atLine("createServer(", "below", `process.emitWarning("of something else");`),
  );
  await using server = await start("02-thread", "node", { script });
  assertEquals(await get(server), RESPONSE_TEXT); // in a thread, too
  await waitFor("the warning", () => server.stderr.length > 0);
  assert(server.stderr.some((line) => /Warning: of something else/.test(line)));
  assertEquals(server.stderr.filter((line) => /ffi|experimental/i.test(line)), []);
});
