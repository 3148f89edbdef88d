/** A changed 01: whatever a child does, it prints its error and ends, and its parent goes on. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { atLine, changed, type Mishaps, replace, switched } from "../support/changed.ts";
import { get, RESPONSE_TEXT } from "../support/clients.ts";
import { alive, children } from "../support/proc.ts";
import { RUNTIMES } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";
import { ask } from "./talk.ts";

/** By path, what the handler does before it answers, and what standard error says then. */
const MISHAPS: Mishaps = {
  "/": ["await new Promise((resolve) => setTimeout(resolve, 1));"],
  "/module": [`await import("node:path");`],
  "/throw": [`throw new Error("thrown");`, /^child \d+: Error: thrown\n[^]*mine\.ts:\d+/],
  "/undefined": ["throw undefined;", /^child \d+: /],
  "/typo": ["(request as any).txet.split();", /^child \d+: TypeError: [^]*mine\.ts:\d+/],
  "/string": [`conn.send("text" as any);`, /^child \d+: TypeError: send takes bytes[^]*mine\.ts:\d+/],
  "/reject": [
    `await new Promise((_, reject) => setTimeout(() => reject(new Error("rejected")), 1));`,
    /^child \d+: Error: rejected\n/,
  ],
  "/stray": [
    `Promise.reject(new Error("stray")); await new Promise((resolve) => setTimeout(resolve, 50));`,
    /^child \d+: Error: stray\n/,
  ],
  "/timer": [
    `setTimeout(() => { throw new Error("late"); }, 1); await new Promise((resolve) => setTimeout(resolve, 50));`,
    /^child \d+: Error: late\n/,
  ],
  "/exit": ["process.exit(3);"],
};
each("a child that fails, in whatever way, says so and ends", ["01-fork"], async (lesson, runtime) => {
  const script = await changed(
    lesson,
    replace("function handler(", "async function handler("),
    replace("  handler(conn);", "  await handler(conn);"),
    atLine("conn.send(", "above", switched(MISHAPS)),
  );
  await using server = await start(lesson, runtime, { script });
  for (const [path, [, printed]] of Object.entries(MISHAPS)) {
    const answered = path === "/" || path === "/module";
    const printedBefore = server.stderr.length;
    assertEquals(await ask(server, path), answered ? RESPONSE_TEXT : "", path);
    await waitFor(`the end of the child for ${path}`, () => !children(server.pid).some(alive));
    if (printed) {
      await waitFor(`the error of ${path}`, () => server.stderr.length > printedBefore);
      assertMatch(server.stderr.slice(printedBefore).join("\n"), printed, path);
    } else if (answered) {
      assertEquals(server.stderr.slice(printedBefore), [], path);
    }
  }
});

Deno.test("01-fork: a child that awaits what never comes is ended, and a line says why", async () => {
  const script = await changed(
    "01-fork",
    replace("function handler(", "async function handler("),
    replace("  handler(conn);", "  await handler(conn);"),
    atLine("conn.send(", "above", "await new Promise(() => setTimeout(() => {}, 60_000));"),
  );
  await Promise.all(RUNTIMES.map(async (runtime) => {
    await using server = await start("01-fork", runtime, { script });
    assertEquals(await get(server).catch(() => ""), "");
    await waitFor("the line", () => server.stderr.length > 0);
    assertMatch(server.stderr[0], /^child \d+ awaited for 10 seconds, and was ended: /);
  }));
});

each("the second start has the name of the first", ["01-fork"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  const name = (await Deno.readTextFile(`/proc/${server.pid}/comm`)).trim();
  assert(name.startsWith(runtime), `it is called ${name}`);
});
