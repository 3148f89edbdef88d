/** Edits of a lesson: each client gets its answer or an end, errors say where they are, what is printed arrives. */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { atLine, replace } from "../support/changed.ts";
import { ask, get, RESPONSE_TEXT } from "../support/clients.ts";
import { each, once, outcome } from "../support/declare.ts";
import { resources } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { descriptorsAtMost, run, says } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const later = (code: string) => `await new Promise((resolve, reject) => setTimeout(() => ${code}, 50));`;
const LOOP = / has come to its event loop, .*exit\(0\).*Sync/;
const OPEN = / has ended with connections open \(1\)/;

/** What a handler does before it answers, and what its child, its thread says then: nothing, if the client is answered. */
const HANDLERS: [code: string, inChild: RegExp | "", inThread?: RegExp | ""][] = [
  ["for (let i = 0; i < 1000; i++) await Promise.resolve();", ""],
  [later("resolve(0)"), LOOP, ""],
  [`await (await import("node:timers/promises")).setTimeout(200);`, LOOP, ""],
  [later(`reject(new Error("rejected"))`), LOOP, /Error: rejected/],
  [`Promise.reject(new Error("stray")); ${later("0")}`, /Error: stray|event loop/],
  [
    `setTimeout(() => { throw new Error("late"); }, 1); ${later("0")}`,
    /Error: late|event loop/,
    /Error: late/,
  ],
  ["throw undefined;", /./],
  ["throw Object.create(null);", /./],
  [`throw Symbol("symbol");`, /Symbol\(symbol\)/],
  [`throw { toString() { throw new Error("again"); } };`, /./],
  [`throw Object.assign(new Error("x"), { get message() { throw new Error("again"); } });`, /./],
  [`throw new AggregateError([new Error("part 1"), new Error("part 2")]);`, /part 1[^]*part 2/],
  [`throw new Error("outer", { cause: new Error("inner") });`, /Error: outer[^]*Error: inner/],
  [`conn.send("text" as any);`, /TypeError: send takes bytes[^]*mine\.ts:\d+/],
  ["process.exit(3);", OPEN],
  [`throw process.pid === Number(process.getBuiltinModule("node:fs").readlinkSync("/proc/self"));`, /true/],
];
const cases = HANDLERS.map(([code], i) => `case "/${i}": { ${code} break; }`).join("\n");
each("every client's connection ends", ["01-fork", "02-thread"], async (server, lesson) => {
  let sockets: number | undefined;
  for (const [i, [code, inChild, inThread = inChild]] of HANDLERS.entries()) {
    const error = lesson === "01-fork" ? inChild : inThread;
    const lines = server.stderr.length;
    assertEquals(await ask(server, `/${i}`), error ? "" : RESPONSE_TEXT, code);
    await until(() => resources(server).threads + resources(server).children === 0);
    const pattern = error ? new RegExp(`^(child|thread) \\d+[^]*${error.source}`, "i") : /^$/;
    await says(server, pattern, lines);
    assertEquals(resources(server).sockets, sockets ??= resources(server).sockets, code);
  }
  assertEquals(await get(server), RESPONSE_TEXT);
}, {
  changes: (lesson) => [
    replace("function handler(", "async function handler("),
    ...lesson === "01-fork" ? [replace("  handler(conn);", "  await handler(conn);")] : [],
    atLine("conn.send(", `switch (request?.text.split(" ")[1]) {\n${cases}\n}\n…`),
  ],
});

/**
 * Edits of a lesson, one a line: the line that is changed, and what it becomes (`…` is what it was); what clients see,
 * and whether the server ends (1) after the first of them; what standard error says. A line without a lesson is one more
 * change of the edit above it.
 */
const EDITS = String.raw`
03 | if (request) conn.send | if (request) die("my last words"); …        | left, ends     | ^my last words$
03 | lingeringClose(conn);  | … break;                                    | answered, ends | ^a thread of the pool has ended$
03 | if (request) conn.send | await Promise.resolve(); …                  | answered       |
   | function handler(      | export async function handler(server: Socket) {
03 | i < 4;                 | for (let i = 0; i < 100; i++) {             | ends           | can't start new thread: .*\n.*needs all of its own$
02 | function handler(      | setInterval(() => {}, 1000); …              | answered       |
02 | const thread =         | throw new Error("main");                    | left, ends     | error: main[^]*mine\.ts:\d+
02 | lingeringClose(conn);  | setTimeout(() => lingeringClose(conn), 10); | answered       | ^thread 1 has ended with connections open \(1\)
02 | const started =        | … await thread.start();                     | ends           | a thread can be started once only
02 | const started =        | await thread.join(); …                      | ends           | a thread can be joined only when it was started
02 | const started =        | thread.start();                             | left           | ^thread 1: [^]*exports no function "handler": .*export function handler\(
   | export function        | function handler(conn: Socket) {
   | if (!started)          |
02 | const thread =         | const thread = new Thread({ module: import.meta.url, target: () => {}, args: [] }); | left, ends | exports no function "target": 
02 | if (isMainThread) {    | if (!isMainThread) throw new Error("at load");\n… | left, ends | thread 1: [^]*at load
02 | if (request) conn.send | await new Thread({ module: import.meta.url, target: inner, args: [] }).start(); … | answered |
   | export function        | export function inner() {}\nexport async function handler(conn: Socket) {
02 | const thread =         | const thread = new Thread({ module: import.meta.url, target: handler, args: [{ conn }] as any }); | left, ends | TypeError: .*gets copies of its args, or a Socket
02 | const thread =         | const thread = new Thread({ module: import.meta.url, target: handler, args: [new Map([[1, conn]])] as any }); | left, ends | TypeError: .*gets copies of its args, or a Socket
02 | export function        | export function handler(fd: number) { const conn = new Sock(fd); throw new Error("open"); | left | ^thread 1: [^]*Error: open
   | const thread =         | const thread = new Thread({ module: import.meta.url, target: handler, args: [conn.fileno()] });
   | import type { Socket } | import { Socket as Sock } from "../shared/socket.ts";
01 | if (request) conn.send | process.kill(process.pid, "SIGKILL");       | left           | child \d+ was killed by signal 9
01 | const server =         | …\nbecomeForkable();                          | ends           | becomeForkable\(\)
   | becomeForkable(); //   |
01 | function handler(      | … if (fork() > 0) exit(0);                  | answered       | has ended with connections open
03 | await Promise.race(    | setTimeout(() => { throw new Error("due"); }, 500); … | ends | error: due[^]*mine\.ts:\d+
04 | while (true) {         | … turn();                                   | ends           | turn: without .await. it does nothing
   | import { createServer  | … import { turn } from "../shared/eventloop.ts";
04 | while (true) {         | (async () => { while (true) await turn(); })(); … await turn(); | answered |
   | import { createServer  | … import { turn } from "../shared/eventloop.ts";
06 | const epoll =          | warn("one 1"); warn("two"); warn("one 2"); … | answered      | ^one 1\ntwo$
   | import { createServer  | … import { warn } from "../shared/stdio.ts";
`;
for (const edit of EDITS.trim().split(/\n(?=\d)/)) {
  const lines = edit.split("\n").map((line) => line.split(/ \| ?/).map((cell) => cell.trim()));
  const [[number, , becomes, seen, printed]] = lines;
  const lesson = LESSONS.find((lesson) => lesson.startsWith(number))!;
  const changes = lines.map(([, mark, becomes]) => atLine(mark, becomes.replaceAll("\\n", "\n")));
  each(`an edit, ${becomes}`, [lesson], async (server) => {
    await outcome(seen, RegExp(printed || "^$", "i"))(server);
    if (lesson === "02-thread" && !seen.endsWith("ends")) await until(() => resources(server).threads === 0);
  }, { changes: () => changes, before: descriptorsAtMost(128) });
}

/** A pager that shows the first two lines, and then rests while the pipe before it, of 64 KiB, fills up. */
const PAGER = `"$@" | { for i in 1 2; do IFS= read -r line; echo "$line"; done; sleep 0.5; cat; }`;
/** In a thread of Bun only console.log is sure to write all of it: README.md, "Break it". */
const PRINTS = `for (let i = 0; i < 10_000; i++) console.log("line", i);
if (globalThis.Bun?.isMainThread !== false) process.stdout.write("x".repeat(200_000) + "\\n");
…`;

each("it prints for a slow pager", ["01-fork", "02-thread", "06-epoll"], async (server, lesson, runtime) => {
  const expected = Array.from({ length: 10_000 }, (_, i) => `line ${i}`);
  if (lesson !== "02-thread" || runtime !== "bun") expected.push("x".repeat(200_000));
  for (let client = 1; client <= 2; client++) {
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(() => server.stdout.length === 2 + client * expected.length);
  }
  assertEquals(server.stdout.slice(2), [...expected, ...expected]);
}, { before: ["sh", "-c", PAGER, "sh"], changes: () => [atLine("conn.send(", PRINTS)] });

/** No call of the vocabulary hangs, writes over memory or means something else; no thread that ends takes all with it. */
for (const program of ["vocabulary", "busy_threads"]) {
  once(`what can be said, ${program}`, async (runtime) => {
    const end = await run("06-epoll", runtime, { script: `tests/programs/${program}.ts` });
    assertEquals(end, { code: 0, stdout: "ok\n", stderr: "" });
  });
}
