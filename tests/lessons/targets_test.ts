/** What a thread can run: the modules that it loads, the targets that it finds, the arguments that reach it. */
import { assertEquals, assertMatch } from "@std/assert";
import { changed, replace, written } from "../support/changed.ts";
import { get } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { run, start } from "../support/servers.ts";

each("a reader's own modules, however they are imported", ["02-thread"], async (lesson, runtime) => {
  const imports = `
import './side.ts';
import { odd } from './odd.ts';
import data from "./data.json" with { type: "json" };
// import { nothing } from "./missing.ts";
/* import "./missing.ts"; */
import * as all from "./again.ts";
import { response } from "../shared/response.ts";
import { options }`;
  const own = "[(globalThis as any).side, odd(3), data.name, later, all.name].join()";
  const script = await changed(
    lesson,
    replace("import { options }", imports),
    replace(
      "export function handler",
      "const later = await Promise.resolve('later');\nexport function handler",
    ),
    replace("conn.send(RESPONSE)", `conn.send(response(${own}))`),
    // A thread that starts a thread.
    replace("target: handler", "target: first"),
    replace(
      "if (isMainThread) {",
      `export async function first(conn: Socket) {
  await new Thread({ module: import.meta.url, target: handler, args: [conn] }).start();
}
if (isMainThread) {`,
    ),
  );
  const modules: Record<string, string> = {
    "side.ts": "(globalThis as any).side = 'effect';",
    "odd.ts":
      "import { even } from './even.ts';\nexport const odd = (n: number): boolean => n > 0 && even(n - 1);",
    "even.ts":
      "import { odd } from './odd.ts';\nexport const even = (n: number): boolean => n === 0 || odd(n - 1);",
    "data.json": `{ "name": "json" }`,
    "again.ts": "export * from './name.ts';",
    "name.ts": 'export const name = `import { x } from "./missing.ts"`;',
  };
  for (const [name, text] of Object.entries(modules)) {
    await Deno.writeTextFile(script.replace("mine.ts", name), text);
  }
  await using server = await start(lesson, runtime, { script });
  const body = (await get(server)).split("\r\n\r\n")[1];
  assertEquals(body, `effect,true,json,later,import { x } from "./missing.ts"`);
  assertEquals(server.stderr, []);
});

/** A target, its arguments and the module it is looked for in, as code; and what start() says. */
const unexported = (name: string) =>
  new RegExp(`mine\\.ts exports no function ".*": .*export function ${name}\\(`);
const TARGETS: [target: string, args: string, module: string, says: RegExp][] = [
  ["arrow", "", "", /^true/],
  ["hidden", "", "", unexported("hidden")],
  ["() => {}", "", "", unexported("handler")],
  ["renamed", "", "", unexported("other")],
  ["unnamed", "", "unnamed.ts", /exports no function|^true/], // where its name is "default", it can be found
  ["arrow", "", "failing.ts", /^Error: thread \d+: .*it fails.*failing\.ts:2/],
  ["arrow", "", "missing.ts", /^Error: thread \d+: .*missing\.ts/],
  ["arrow", "", "misspelt.ts", /^Error: thread \d+: ./],
  ["copied", "() => {}", "", /^Error: thread \d+: its arguments are copied for it/],
  [
    "copied",
    "{ conn: new Socket() }",
    "",
    /^TypeError: a Socket arrives in a thread only as an argument by itself/,
  ],
];
once("a target that a thread cannot run is a sentence", async (runtime) => {
  const tries = TARGETS.map(([target, args, module]) => `[${target}, [${args}], "${module}"],`);
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
if (isMainThread) {
  for (const [target, args, module] of [${tries.join("\n")}] as any[]) {
    try {
      const url = module ? new URL(module, import.meta.url).href : import.meta.url;
      console.log(await new Thread({ module: url, target, args }).start());
    } catch (error) {
      console.log(String(error).replaceAll("\\n", " "));
    }
  }
}`,
    "unnamed.ts": "export default function () {}",
    "failing.ts": `export function arrow() {}\nthrow new Error("it fails");`,
    "misspelt.ts": `export functoin arrow() {}`,
  });
  const { stdout, code } = await run("02-thread", runtime, { script });
  const said = stdout.trim().split("\n");
  assertEquals([said.length, code], [TARGETS.length, 0]);
  for (const [i, [target, , module, says]] of TARGETS.entries()) {
    assertMatch(said[i], says, `${target} ${module}`);
  }
});
