/** "Break it" (lessons/README.md): what can be done to all six. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, type Change, changed, replace, written } from "../support/changed.ts";
import { connect, get, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { type Lesson, LESSONS, ROOT } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";
import { ended } from "./talk.ts";
import { changesOf, complete, experiment } from "./experiment.ts";

const BY_MANY = ["01-fork", "02-thread", "03-thread-pool"] as const;
const BY_ONE = ["04-busy-poll", "05-select", "06-epoll"] as const;

/** The sleep says when it begins and ends, and takes so many ms. */
const told = (ms: number): Change[] => [
  replace("0, 0, 1000)", `0, 0, ${ms})`),
  atLine("Atomics.wait(", "above", `console.log("begin");`),
  atLine("Atomics.wait(", "below", `console.log("end");`),
];
const told_by = (stdout: string[]) => stdout.filter((line) => line === "begin" || line === "end");

experiment("In all six: Sleep in the handler", BY_MANY, async (server) => {
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
  for (const conn of clients) await sendAll(conn, REQUEST);
  // Four sleep at the same time, so together they take as long as one.
  await waitFor("four sleepers", () => told_by(server.stdout).length === 4);
  assertEquals(told_by(server.stdout), ["begin", "begin", "begin", "begin"]);
  for (const conn of clients) conn.close();
}, { more: told(600_000) });

experiment("In all six: Sleep in the handler", BY_ONE, async (server) => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => get(server)));
  assertEquals(answers, Array(4).fill(RESPONSE_TEXT));
  await waitFor("the end of the last", () => told_by(server.stdout).length === 8);
  // One after the other.
  assertEquals(told_by(server.stdout), Array(4).fill(["begin", "end"]).flat());
}, { more: told(50) });

const OOPS = "GET /oops HTTP/1.1\r\n\r\n";
experiment("In all six: Let the handler fail", LESSONS, async (server, lesson) => {
  const others = lesson === "01-fork" || lesson === "02-thread";
  assertEquals(await get(server, OOPS).catch(() => ""), "");
  const lines = await waitFor("the error with its line", () => {
    const text = server.stderr.join("\n");
    return /mine\.ts:\d+/.test(text) && text;
  });
  assertMatch(lines, /error: oops\n/i); // Bun writes it small
  if (others) {
    assertMatch(lines, /^(child \d+|thread 1): Error: oops\n/);
    assertEquals(await get(server), RESPONSE_TEXT);
  } else {
    assertEquals(await ended(server), 1);
  }
  if (lesson === "03-thread-pool") assertEquals(server.stderr.at(-1), "a thread of the pool has ended");
});

each("log who came, answer by path, say something on Ctrl-C", LESSONS, async (lesson, runtime) => {
  const ctrlC = changesOf("In all six: Say something on Ctrl-C");
  const byPath = changesOf("In all six: Answer by path");
  const script = await changed(
    lesson,
    ...changesOf("In all six: Log who came"),
    ...lesson === "06-epoll" ? [] : byPath,
    ...lesson === "03-thread-pool" ? ctrlC.slice(0, 1) : ctrlC,
  );
  await using server = await start(lesson, runtime, { script });
  const conn = await connect(server);
  const { port } = conn.localAddr;
  await sendAll(conn, "GET /grüße HTTP/1.1\r\nX: y\r\n\r\n");
  const answer = new TextDecoder().decode(await new Response(conn.readable).arrayBuffer());
  const own = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 8\r\n\r\n/grüße";
  assertEquals(answer, lesson === "06-epoll" ? RESPONSE_TEXT : own);
  await waitFor("the log", () => server.stdout.includes("X: y\r"));
  assertMatch(server.stdout.join("\n"), new RegExp(`127\\.0\\.0\\.1\\D+\\b${port}\\b[^]*GET /grüße`));
  server.kill("SIGINT");
  assertEquals(await ended(server), 0);
  assertMatch(server.stdout.at(-1)!, /^[\d.]+ s of CPU time in [\d.]+ s$/);
  assertEquals(server.stderr, []);
});

Deno.test("every experiment passes deno check", async () => {
  const files: Record<string, string> = {};
  for (const [item, changes] of experiments) {
    const [heading] = item.split(": ");
    const lessons = LESSONS.filter((lesson) => lesson === heading || heading === "In all six");
    for (const lesson of lessons) {
      if (item.includes("by path") && lesson === "06-epoll") continue;
      let source = await Deno.readTextFile(`${ROOT}lessons/${lesson}.ts`);
      for (const change of all(item, changes, lesson)) source = change(source);
      files[`${Object.keys(files).length}.ts`] = `// ${item}\n${source}`;
    }
  }
  const first = await written(files);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "check",
      "--quiet",
      `--config=${ROOT}deno.json`,
      ...Object.keys(files).map((name) => first.replace("0.ts", name)),
    ],
    stdout: "null",
  }).output();
  assert(code === 0, new TextDecoder().decode(stderr));
});

/** An item that goes on from the one above has its changes, too. */
function all(item: string, changes: readonly Change[], lesson: Lesson): readonly Change[] {
  if (item.includes("Ctrl-C") && lesson === "03-thread-pool") return changes.slice(0, 1);
  const names = [...experiments.keys()];
  const above = names[names.indexOf(item) - 1];
  return /Atomics|drained/.test(item) ? [...experiments.get(above)!, ...changes] : changes;
}

complete("In all six");
