/** What a copy prints: all of it arrives, in its order, also where whoever reads it is slow. */
import { assertEquals } from "@std/assert";
import { atLine } from "../support/changed.ts";
import { get, RESPONSE_TEXT } from "../support/clients.ts";
import { each } from "../support/declare.ts";
import { until } from "../support/wait.ts";

/** A pager that shows the first two lines, and then rests while the pipe before it fills up. */
const PAGER = [
  "sh",
  "-c",
  '"$@" | { for i in 1 2; do IFS= read -r line; echo "$line"; done; sleep 0.5; cat; }',
  "sh",
];
const LINES = 10_000; // more than a pipe holds: 64 KiB
const LONG = "x".repeat(200_000);
/** In a thread of Bun only console.log is sure to write all of it: README.md, "Limits". */
const onlyLines = (lesson: string, runtime: string) => lesson === "02-thread" && runtime === "bun";
const prints = (lesson: string) =>
  `for (let i = 0; i < ${LINES}; i++) console.log("line", i);
if (!(${lesson === "02-thread"} && "Bun" in globalThis)) process.stdout.write("x".repeat(200_000) + "\\n");
…`;
each(
  "a child, a thread, the main thread prints for a slow pager",
  ["01-fork", "02-thread", "06-epoll"],
  async (server, lesson, runtime) => {
    const lines = Array.from({ length: LINES }, (_, i) => `line ${i}`);
    const expected = onlyLines(lesson, runtime) ? lines : [...lines, LONG];
    for (let client = 1; client <= 2; client++) {
      assertEquals(await get(server), RESPONSE_TEXT);
      await until(() => server.stdout.length === 2 + client * expected.length);
    }
    assertEquals(server.stdout.slice(2), [...expected, ...expected]);
  },
  { before: PAGER, changes: (lesson) => [atLine("conn.send(", prints(lesson))] },
);
