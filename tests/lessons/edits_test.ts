/** Edits of a handler, or of the lines around it: each client gets its answer or an end, and errors say where they are. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, type Change, changed, replace } from "../support/changed.ts";
import { ask, connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { each } from "../support/declare.ts";
import { asleep, children, resources, SYSCALL } from "../support/proc.ts";
import { type Lesson, RUNTIMES } from "../support/runtimes.ts";
import { descriptorsAtMost, ended, run, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

const later = (code: string) => `await new Promise((resolve, reject) => setTimeout(() => ${code}, 1));`;
const asynchronous = replace("function handler(", "async function handler(");

/** What a handler does before it answers, and what standard error says then of its child, of its thread: nothing, if it answers. */
type Says = RegExp | "";
const EDITS: [code: string, inChild: Says, inThread?: Says][] = [
  ["await Promise.resolve();", ""],
  [`await import("node:path");`, ""],
  [later("resolve(0)"), ""],
  [`throw new Error("thrown");`, /Error: thrown\n[^]*mine\.ts:\d+/],
  ["throw undefined;", /./],
  ["(request as any).txet.split();", /TypeError: [^]*mine\.ts:\d+/],
  [`conn.send("text" as any);`, /TypeError: send takes bytes[^]*mine\.ts:\d+/],
  [later(`reject(new Error("rejected"))`), /Error: rejected\n/],
  [`Promise.reject(new Error("stray")); ${later("0")}`, /Error: stray\n/],
  [`setTimeout(() => { throw new Error("late"); }, 1); ${later("0")}`, /Error: late\n/],
];
each(
  "whatever a handler does, its client's connection ends",
  ["01-fork", "02-thread"],
  async (lesson, runtime) => {
    const cases = EDITS.map(([code], i) => `case "/${i}": { ${code} break; }`);
    const script = await changed(
      lesson,
      asynchronous,
      ...lesson === "01-fork" ? [replace("  handler(conn);", "  await handler(conn);")] : [],
      atLine("conn.send(", "above", `switch (request?.text.split(" ")[1]) {\n${cases.join("\n")}\n}`),
    );
    await using server = await start(lesson, runtime, { script });
    let sockets: number | undefined;
    for (const [i, [code, inChild, inThread = inChild]] of EDITS.entries()) {
      const says = lesson === "01-fork" ? inChild : inThread;
      const lines = server.stderr.length;
      assertEquals(await ask(server, `/${i}`), says ? "" : RESPONSE_TEXT, code);
      await waitFor(`the end of it after ${code}`, () => {
        const { threads, children } = resources(server);
        return threads + children === 0;
      });
      if (says) await waitFor(`the error of ${code}`, () => server.stderr.length > lines);
      const who = lesson === "01-fork" ? "child" : "thread";
      const said = server.stderr.slice(lines).join("\n");
      assertMatch(said, says ? new RegExp(`^${who} \\d+: ${says.source}`) : /^$/, code);
      assertEquals(sockets ??= resources(server).sockets, resources(server).sockets, code);
    }
    assertEquals(await get(server), RESPONSE_TEXT);
  },
);

/** Other edits: what the first client is answered, and what standard error says when the server goes on, or ends with 1. */
const WHOLE: [name: string, lesson: Lesson, changes: Change[], answer: string, "goes on" | "ends", Says][] = [
  [
    "process.exit in a thread of the pool",
    "03-thread-pool",
    [
      atLine("conn.send(", "above", "if (request) process.exit(0);"),
    ],
    "",
    "ends",
    /^a thread of the pool has ended$/,
  ],
  [
    "die in a thread",
    "03-thread-pool",
    [
      atLine("conn.send(", "above", `if (request) die("my last words");`),
    ],
    "",
    "ends",
    /^my last words$/,
  ],
  [
    "a thread of the pool that returns",
    "03-thread-pool",
    [
      replace("while (true) {\n    const conn", "for (let i = 0; i < 1; i++) {\n    const conn"),
    ],
    RESPONSE_TEXT,
    "ends",
    /^a thread of the pool has ended$/,
  ],
  [
    "an async handler in the pool",
    "03-thread-pool",
    [
      asynchronous,
      atLine("conn.send(", "above", later("resolve(0)")),
    ],
    RESPONSE_TEXT,
    "goes on",
    "",
  ],
  [
    "an interval in each thread",
    "02-thread",
    [
      atLine("function handler(", "above", "setInterval(() => {}, 1000);"),
    ],
    RESPONSE_TEXT,
    "goes on",
    "",
  ],
  [
    "an error in the main thread",
    "02-thread",
    [
      atLine("const thread = ", "above", `throw new Error("main");`),
    ],
    "",
    "ends",
    /error: main\n[^]*mine\.ts:\d+/i,
  ],
];
for (const [name, lesson, changes, answer, then, says] of WHOLE) {
  each(name, [lesson], async (lesson, runtime) => {
    await using server = await start(lesson, runtime, { script: await changed(lesson, ...changes) });
    assertEquals(await ask(server, "/"), answer);
    if (says) await waitFor("the line", () => server.stderr.length > 0);
    if (then === "ends") assertEquals(await ended(server), 1);
    else for (let i = 0; i < 5; i++) assertEquals(await ask(server, "/"), answer);
    assertMatch(server.stderr.join("\n"), says || /^$/);
    if (then === "goes on" && lesson === "02-thread") {
      await waitFor("the end of the threads", () => resources(server).threads === 0);
    }
  });
}

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

each(
  "a pool of a hundred without room for them says no number",
  ["03-thread-pool"],
  async (lesson, runtime) => {
    const script = await changed(lesson, replace("i < 4", "i < 100"));
    const before = descriptorsAtMost(64);
    const { code, stderr } = await run(lesson, runtime, { script, before, args: ["--port", "0"] });
    assertEquals(code, 1);
    assertMatch(stderr, /can't start new thread: .*\n.*needs all of its own\n$/);
  },
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

each(
  "a client that sends a byte now and then has one second",
  ["03-thread-pool"],
  async (lesson, runtime) => {
    await using server = await start(lesson, runtime, {
      script: await changed(lesson, replace("i < 4", "i < 1")),
    });
    using conn = await connect(server);
    await sendAll(conn, REQUEST);
    // It goes on until it is cut off, and then the only thread of the pool is free.
    const goesOn = () => conn.write(new Uint8Array(1)).then(() => false, () => true);
    const cut = waitFor("the end of its second", goesOn);
    assertEquals(await get(server), RESPONSE_TEXT);
    assertEquals(await cut, true);
  },
);

each("the second start has the name of the first", ["01-fork"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  const name = (await Deno.readTextFile(`/proc/${server.pid}/comm`)).trim();
  assert(name.startsWith(runtime), `it is called ${name}`);
});

const ignore = !RUNTIMES.includes("node");
Deno.test({ name: "02-thread on node: it warns of everything but its node:ffi", ignore }, async () => {
  const warning = atLine("createServer(", "below", `process.emitWarning("of something else");`);
  await using server = await start("02-thread", "node", { script: await changed("02-thread", warning) });
  assertEquals(await get(server), RESPONSE_TEXT); // in a thread, too
  await waitFor("the warning", () => server.stderr.length > 0);
  assert(server.stderr.some((line) => /Warning: of something else/.test(line)));
  assertEquals(server.stderr.filter((line) => /ffi|experimental/i.test(line)), []);
});
