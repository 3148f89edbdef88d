/** What a thread can run: the modules that it loads, the targets that it finds, the arguments that reach it. */
import { assertEquals, assertMatch } from "@std/assert";
import { written } from "../support/changed.ts";
import { once } from "../support/declare.ts";
import { run } from "../support/servers.ts";

/** A target, its arguments, the module it is looked for in, and what start() or the thread says. */
const TARGETS: [target: string, args: string, module: string, says: RegExp][] = [
  ["arrow", "1, { a: [2] }", "mine.ts", /^arrow 1 \{"a":\[2\]\} effect json later/],
  ["hidden", "", "mine.ts", /mine\.ts exports no function "hidden": .*export function hidden\(/],
  ["() => {}", "", "mine.ts", /mine\.ts exports no function ".*": .*export function handler\(/],
  ["renamed", "", "mine.ts", /mine\.ts exports no function "other": .*export function other\(/],
  ["arrow", "", "failing.ts", /^Error: thread \d+: .*it fails.*failing\.ts:1/],
  ["arrow", "", "missing.ts", /^Error: thread \d+: .*missing\.ts/],
  ["arrow", "", "misspelt.ts", /^Error: thread \d+: ./],
  ["arrow", "() => {}", "mine.ts", /^Error: thread \d+: its arguments are copied for it/],
  [
    "arrow",
    "{ conn: new Socket() }",
    "mine.ts",
    /^TypeError: a Socket arrives in a thread only as an argument by/,
  ],
];
const tries = TARGETS.map(([target, args, module]) => `[${target}, [${args}], "${module}"]`).join(", ");
const FILES = {
  "mine.ts": `
import './side.ts';
import data from "./data.json" with { type: "json" };
// import { nothing } from "./missing.ts";
import { Socket } from "../shared/socket.ts";
import { isMainThread, Thread } from "../shared/thread.ts";
const later = await Promise.resolve("later");
export const arrow = (a: unknown, b: unknown) =>
  console.log("arrow", a, JSON.stringify(b), (globalThis as any).side, data.name, later);
export async function outer() {
  const thread = new Thread({ module: import.meta.url, target: arrow, args: ["from a thread of a thread", 0] });
  await thread.start();
}
function hidden() {}
const renamed = function other() {};
export { renamed };
if (isMainThread) {
  for (const [target, args, module] of [${tries}] as any[]) {
    try {
      const thread = new Thread({ module: new URL(module, import.meta.url).href, target, args });
      if (await thread.start()) await thread.join();
    } catch (error) {
      console.log(String(error).replaceAll("\\n", " "));
    }
    console.log("next");
  }
}`,
  "side.ts": "(globalThis as any).side = 'effect';",
  "data.json": `{ "name": "json" }`,
  "failing.ts": `throw new Error("it fails"); export function arrow() {}`,
  "misspelt.ts": `export functoin arrow() {}`,
};
once("a thread runs its target, or a sentence says why not", async (runtime) => {
  const { stdout, stderr, code } = await run("02-thread", runtime, { script: await written(FILES) });
  const said = stdout.replaceAll("\n", " ").split("next ");
  assertEquals([said.length, stderr, code], [TARGETS.length + 1, "", 0]);
  for (const [i, [target, , module, says]] of TARGETS.entries()) {
    assertMatch(said[i], says, `${target} ${module}`);
  }
});
