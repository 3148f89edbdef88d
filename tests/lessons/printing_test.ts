/** What a copy prints: all of it arrives, in its order, also where whoever reads it is slow. */
import { assertEquals } from "@std/assert";
import { atLine } from "../support/changed.ts";
import { get, RESPONSE_TEXT } from "../support/clients.ts";
import { each } from "../support/declare.ts";
import { until } from "../support/wait.ts";

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
