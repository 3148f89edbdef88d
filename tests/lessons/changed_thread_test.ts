/** A changed 02 or 03: whatever a thread does or loads, nobody waits for ever, and errors say where they are. */
import { assertEquals, assertMatch } from "@std/assert";
import { atLine, changed, type Mishaps, replace, switched, written } from "../support/changed.ts";
import { connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { holdings, SYSCALL, workersIn } from "../support/proc.ts";
import { ROOT } from "../support/runtimes.ts";
import { descriptorsAtMost, run, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";
import { ask, ended, settled } from "./talk.ts";

/** By path, what the handler does before it answers, and what standard error says then. */
const MISHAPS: Mishaps = {
  "/": ["await new Promise((resolve) => setTimeout(resolve, 1));"],
  "/throw": [`throw new Error("thrown");`, /^thread \d+: Error: thrown\n[^]*mine\.ts:\d+/],
  "/undefined": ["throw undefined;", /^thread \d+: /],
  "/string": [`conn.send("text" as any);`, /^thread \d+: TypeError: send takes bytes[^]*mine\.ts:\d+/],
  "/reject": [
    `await new Promise((_, reject) => setTimeout(() => reject(new Error("rejected")), 1));`,
    /^thread \d+: Error: rejected\n/,
  ],
  "/stray": [
    `Promise.reject(new Error("stray")); await new Promise((resolve) => setTimeout(resolve, 50));`,
    /^thread \d+: Error: stray\n/,
  ],
  "/timer": [
    `setTimeout(() => { throw new Error("late"); }, 1); await new Promise((resolve) => setTimeout(resolve, 50));`,
    /^thread \d+: Error: late\n/,
  ],
};
each("a thread that fails says so, and its connection ends", ["02-thread"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    replace("function handler(", "async function handler("),
    atLine("conn.send(", "above", switched(MISHAPS)),
  );
  await using server = await start(lesson, runtime, { script });
  assertEquals(await ask(server, "/"), RESPONSE_TEXT);
  await waitFor("the end of the thread", () => holdings(server).threads === 0);
  const before = holdings(server).sockets;
  for (const [path, [, printed]] of Object.entries(MISHAPS)) {
    const printedBefore = server.stderr.length;
    assertEquals(await ask(server, path), printed ? "" : RESPONSE_TEXT, path);
    await waitFor(`the end of the thread for ${path}`, () => holdings(server).threads === 0);
    if (!printed) continue;
    await waitFor(`the error of ${path}`, () => server.stderr.length > printedBefore);
    assertMatch(server.stderr.slice(printedBefore).join("\n"), printed, path);
  }
  assertEquals(holdings(server).sockets, before);
});

/** What ends a thread of the pool, and what the server says then. */
const ENDS: [what: string, code: string, printed: RegExp][] = [
  ["process.exit", "process.exit(0);", /^a thread of the pool has ended$/],
  ["die", `die("my last words");`, /^my last words$/],
];
for (const [what, code, printed] of ENDS) {
  each(
    `a thread of the pool ends, by ${what}: so does the server`,
    ["03-thread-pool"],
    async (lesson, runtime) => {
      const script = await changed(lesson, atLine("conn.send(", "above", `if (request) ${code}`));
      await using server = await start(lesson, runtime, { script });
      assertEquals(await ask(server, "/"), "");
      assertEquals(await ended(server), 1);
      assertMatch(server.stderr.join("\n"), printed);
    },
  );
}

each("an async handler in the pool", ["03-thread-pool"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    replace("function handler(", "async function handler("),
    atLine("conn.send(", "above", "await new Promise((resolve) => setTimeout(resolve, 1));"),
  );
  await using server = await start(lesson, runtime, { script });
  for (let i = 0; i < 6; i++) assertEquals(await ask(server, "/"), RESPONSE_TEXT);
  await waitFor("four threads in accept", () => workersIn(server, SYSCALL.accept).length === 4);
  assertEquals(server.stderr, []);
});

each(
  "a pool of a hundred without room for them says no number",
  ["03-thread-pool"],
  async (lesson, runtime) => {
    const script = await changed(lesson, replace("i < 4", "i < 100"));
    const before = descriptorsAtMost(64);
    const { code, stderr } = await run(lesson, runtime, { script, before, args: ["--port", "0"] });
    assertEquals(code, 1);
    assertMatch(stderr, /^can't start new thread: .*\n.*needs all of its own\n$/);
  },
);

each("a thread that leaves its connection open says so", ["02-thread"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    replace("lingeringClose(conn);", "setTimeout(() => lingeringClose(conn), 10);"),
  );
  await using server = await start(lesson, runtime, { script });
  using conn = await connect(server);
  await sendAll(conn, REQUEST);
  const line = "thread 1 has ended, and with it its timers, but its connection is still open";
  await waitFor("the line", () => server.stderr.includes(line));
});

each("what the main thread leaves running keeps no thread", ["02-thread"], async (lesson, runtime) => {
  const script = await changed(lesson, atLine("function handler(", "above", "setInterval(() => {}, 1000);"));
  await using server = await start(lesson, runtime, { script });
  for (let i = 0; i < 3; i++) assertEquals(await get(server), RESPONSE_TEXT);
  await waitFor("the end of the threads", () => holdings(server).threads === 0);
});

each("an error in the main thread ends them all", ["02-thread"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    atLine("createServer(", "below", "let clients = 0;"),
    atLine("const thread = ", "above", `if (++clients === 2) throw new Error("main");`),
  );
  await using server = await start(lesson, runtime, { script });
  using _silent = await connect(server);
  await waitFor("a thread in recv", () => workersIn(server, SYSCALL.recv).length === 1);
  using _second = await connect(server);
  assertEquals(await ended(server), 1);
  assertMatch(server.stderr.join("\n"), /error: main\n[^]*mine\.ts:\d+/i);
});

each("--trace tells what the threads do", ["02-thread", "03-thread-pool"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { args: ["--trace"] });
  assertEquals(await get(server), RESPONSE_TEXT);
  await waitFor(
    "a worker's answer",
    () => server.stdout.some((line) => / worker \d .*send\(\d+\) = 58/.test(line)),
  );
});

each("a reader's own modules, however they are imported", ["02-thread"], async (lesson, runtime) => {
  const source = await Deno.readTextFile(`${ROOT}lessons/${lesson}.ts`);
  const imports = [
    `import './side.ts';`,
    `import { odd } from './odd.ts';`,
    `import data from "./data.json" with { type: "json" };`,
    `// import { nothing } from "./missing.ts";`,
    `/* import "./missing.ts"; */`,
    `import * as all from "./again.ts";`,
    `import { response } from "../shared/response.ts";`,
  ].join("\n");
  const changes = [
    replace(`import { options }`, `${imports}\nimport { options }`),
    replace(
      "export function handler",
      "const later = await Promise.resolve('later');\nexport function handler",
    ),
    replace(
      "conn.send(RESPONSE)",
      "conn.send(response([(globalThis as any).side, odd(3), data.name, later, all.name].join()))",
    ),
    // A thread that starts a thread.
    replace("target: handler", "target: first"),
    replace(
      "if (isMainThread) {",
      "export async function first(conn: Socket) {\n" +
        "  await new Thread({ module: import.meta.url, target: handler, args: [conn] }).start();\n}\n\n" +
        "if (isMainThread) {",
    ),
  ];
  const script = await written({
    "mine.ts": changes.reduce((source, change) => change(source), source),
    "side.ts": "(globalThis as any).side = 'effect';",
    "odd.ts":
      "import { even } from './even.ts';\nexport const odd = (n: number): boolean => n > 0 && even(n - 1);",
    "even.ts":
      "import { odd } from './odd.ts';\nexport const even = (n: number): boolean => n === 0 || odd(n - 1);",
    "data.json": `{ "name": "json" }`,
    "again.ts": "export * from './name.ts';",
    "name.ts": 'export const name = `import { x } from "./missing.ts"`;',
  });
  await using server = await start(lesson, runtime, { script });
  using conn = await connect(server);
  await waitFor("the second thread in recv", () => workersIn(server, SYSCALL.recv).length === 1);
  await sendAll(conn, REQUEST);
  const text = await settled("its answer", readAll(conn));
  assertEquals(text.split("\r\n\r\n")[1], `effect,true,json,later,import { x } from "./missing.ts"`);
  assertEquals(server.stderr, []);
});

each("a target that a thread cannot run is a sentence", ["02-thread"], async (_lesson, runtime) => {
  const script = await written({
    "mine.ts": `
      import { Socket } from "../shared/socket.ts";
      import { isMainThread, Thread } from "../shared/thread.ts";
      import unnamed from "./unnamed.ts";
      function hidden() {}
      export const arrow = () => {};
      const renamed = function other() {};
      export { renamed };
      export function copied(_value: unknown) {}
      const here = import.meta.url;
      const beside = (name: string) => new URL(name, here).href;
      if (isMainThread) {
        const tries: [string, () => void, string?, unknown?][] = [
          ["arrow", arrow],
          ["hidden", hidden],
          ["inline", () => {}],
          ["renamed", renamed],
          ["unnamed", unnamed, beside("unnamed.ts")],
          ["failing", arrow, beside("failing.ts")],
          ["missing", arrow, beside("missing.ts")],
          ["misspelt", arrow, beside("misspelt.ts")],
          ["argument", copied as any, here, () => {}],
          ["nested", copied as any, here, { conn: new Socket() }],
        ];
        for (const [what, target, module = here, ...args] of tries) {
          try {
            const thread = new Thread({ module, target: target as any, args: args as any });
            console.log(what, await thread.start());
          } catch (error) {
            console.log(what, String(error).replaceAll("\\n", " "));
          }
        }
      }`,
    "unnamed.ts": "export default function () {}",
    "failing.ts": `export function arrow() {}\nthrow new Error("it fails");`,
    "misspelt.ts": `export functoin arrow() {}`,
  });
  const { stdout, code } = await settled("its end", run("02-thread", runtime, { script }));
  const said = Object.fromEntries(stdout.trim().split("\n").map((line) => line.split(/ (.*)/)));
  assertEquals([said.arrow, code], ["true", 0]);
  const unexported = (name: string) =>
    new RegExp(`mine\\.ts exports no function ".*": .*export function ${name}\\(`);
  assertMatch(said.hidden, unexported("hidden"));
  assertMatch(said.inline, unexported("handler"));
  assertMatch(said.renamed, unexported("other"));
  assertMatch(said.unnamed, /exports no function|true/); // where its name is "default", it can be found
  assertMatch(said.failing, /^Error: thread \d+: .*it fails.*failing\.ts:2/);
  assertMatch(said.missing, /^Error: thread \d+: .*missing\.ts/);
  assertMatch(said.misspelt, /^Error: thread \d+: ./);
  assertMatch(said.nested, /^TypeError: a Socket arrives in a thread only as an argument by itself/);
  assertMatch(said.argument, /^Error: thread \d+: its arguments are copied for it/);
});

each(
  "a client that sends a byte now and then has one second",
  ["03-thread-pool"],
  async (lesson, runtime) => {
    const script = await changed(lesson, replace("i < 4", "i < 1"));
    await using server = await start(lesson, runtime, { script });
    using conn = await connect(server);
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    // It goes on until it is cut off.
    const cut = waitFor(
      "the end of its second",
      () => conn.write(new Uint8Array(1)).then(() => false, () => true),
    );
    // And then the only thread of the pool is free, while it would still go on.
    assertEquals(await settled("the answer to the next client", get(server)), RESPONSE_TEXT);
    assertEquals(await cut, true);
  },
);
