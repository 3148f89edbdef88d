/** Edits of a handler, and of what stands around it: each client gets its answer or an end, and errors say where they are. */
import { assertEquals, assertMatch } from "@std/assert";
import { atLine, changed, replace } from "../support/changed.ts";
import { ask, get, RESPONSE_TEXT } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { resources } from "../support/proc.ts";
import { LESSONS } from "../support/runtimes.ts";
import { descriptorsAtMost, ended, run } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const later = (code: string) => `await new Promise((resolve, reject) => setTimeout(() => ${code}, 1));`;
const asynchronous = replace("function handler(", "async function handler(");
const awaited = replace("  handler(conn);", "  await handler(conn);");

/** What a handler does before it answers, and what its child, its thread says then: nothing, if the client is answered. */
const HANDLERS: [code: string, inChild: RegExp | "", inThread?: RegExp | ""][] = [
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
const cases = HANDLERS.map(([code], i) => `case "/${i}": { ${code} break; }`).join("\n");
each(
  "whatever a handler does, its client's connection ends",
  ["01-fork", "02-thread"],
  async (server, lesson) => {
    let sockets: number | undefined;
    for (const [i, [code, inChild, inThread = inChild]] of HANDLERS.entries()) {
      const [who, says] = lesson === "01-fork" ? ["child", inChild] : ["thread", inThread];
      const lines = server.stderr.length;
      assertEquals(await ask(server, `/${i}`), says ? "" : RESPONSE_TEXT, code);
      await until(() => resources(server).threads + resources(server).children === 0);
      if (says) await until(() => server.stderr.length > lines);
      const said = server.stderr.slice(lines).join("\n");
      assertMatch(said, says ? new RegExp(`^${who} \\d+: ${says.source}`) : /^$/, code);
      assertEquals(resources(server).sockets, sockets ??= resources(server).sockets, code);
    }
    assertEquals(await get(server), RESPONSE_TEXT);
  },
  {
    changes: (lesson) => [
      asynchronous,
      ...lesson === "01-fork" ? [awaited] : [],
      atLine("conn.send(", `switch (request?.text.split(" ")[1]) {\n${cases}\n}\n…`),
    ],
  },
);

/**
 * Edits of a lesson, one a line: the line that is changed, and what it becomes (`…` is what it was); whether five
 * clients are answered, or left without, or one before the server ends (1); what standard error says. A line without
 * a lesson is one more change of the edit above it.
 */
const EDITS = String.raw`
03 | if (request) conn.send | if (request) process.exit(0); …                | left, ends     | ^a thread of the pool has ended$
03 | if (request) conn.send | if (request) die("my last words"); …           | left, ends     | ^my last words$
03 | lingeringClose(conn);  | … break;                                       | answered, ends | ^a thread of the pool has ended$
03 | if (request) conn.send | await Promise.resolve(); …                     | answered       |
   | function handler(      | export async function handler(server: Socket) {
02 | function handler(      | setInterval(() => {}, 1000); …                 | answered       |
02 | const thread =         | throw new Error("main");                       | left, ends     | error: main\n[^]*mine\.ts:\d+
02 | lingeringClose(conn);  | setTimeout(() => lingeringClose(conn), 10);    | hangs          | ^thread 1 has ended, and with it its timers, but its connection is still open
`;
for (const edit of EDITS.trim().split(/\n(?=\d)/)) {
  const lines = edit.split("\n").map((line) => line.split(" | ").map((cell) => cell.trim()));
  const [[number, , becomes, outcome, says]] = lines;
  const lesson = LESSONS.find((lesson) => lesson.startsWith(number))!;
  const changes = lines.map(([, mark, becomes]) => atLine(mark, becomes));
  each(`an edit, ${becomes}`, [lesson], async (server) => {
    const answer = outcome.startsWith("answered") ? RESPONSE_TEXT : "";
    if (outcome === "hangs") ask(server, "/").catch(() => {});
    else {for (let i = 0; i < (outcome.endsWith("ends") ? 1 : 5); i++) {
        assertEquals(await ask(server, "/"), answer);
      }}
    if (says) await until(() => server.stderr.length > 0);
    assertMatch(server.stderr.join("\n"), new RegExp(says || "^$", "i"));
    if (outcome.endsWith("ends")) assertEquals(await ended(server), 1);
    else if (outcome === "answered") {
      await until(() => lesson === "03-thread-pool" || resources(server).threads === 0);
    }
  }, { changes });
}

once("a pool of a hundred without room for them says no number", async (runtime) => {
  const script = await changed("03-thread-pool", replace("i < 4", "i < 100"));
  const { code, stderr } = await run("03-thread-pool", runtime, { script, before: descriptorsAtMost(64) });
  assertEquals(code, 1);
  assertMatch(stderr, /can't start new thread: .*\n.*needs all of its own\n$/);
});
