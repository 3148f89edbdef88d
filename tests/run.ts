/**
 * `deno task test [FILE…]`: checks the types of everything, runs every test (or those in FILE…), and
 * closes with one plain line that says how it went.
 */

import { ALL_RUNTIMES, ROOT, RUNTIMES } from "./support/runtimes.ts";

const assert = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)).imports["@std/assert"];

/** Run `deno` with these arguments; whether it succeeded. */
async function runDeno(args: string[], options: Deno.CommandOptions = {}): Promise<boolean> {
  return (await new Deno.Command(Deno.execPath(), { args, stdin: "null", ...options }).spawn().status)
    .success;
}

const standIn: string[] = [];
const quiet = { stdout: "null", stderr: "null", signal: AbortSignal.timeout(5000) } as const;
if (!await runDeno(["cache", assert], quiet)) {
  console.log(`${assert} cannot be had here: tests/assert.ts stands in for it`);
  const imports = { "@std/assert": new URL("assert.ts", import.meta.url).href };
  standIn.push(`--import-map=data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`);
}

if (!await runDeno(["check", "--quiet", ...standIn], { cwd: ROOT })) Deno.exit(1);

const folder = await Deno.makeTempDir();
const options = ["--allow-all", "--no-check", "--parallel", `--junit-path=${folder}/report.xml`];
const files = Deno.args.length ? Deno.args : [`${ROOT}tests`];
// Else Node.js would strip the types of every file anew, each time that a test starts a lesson.
const env = { NODE_COMPILE_CACHE: `${folder}/cache` };
const passed = await runDeno(["test", ...options, ...standIn, ...files], { env });
const xml = await Deno.readTextFile(`${folder}/report.xml`);
await Deno.remove(folder, { recursive: true });

for (const runtime of ALL_RUNTIMES.filter((runtime) => !RUNTIMES.includes(runtime))) {
  console.log(`${runtime} is missing or too old: its tests were skipped`);
}
const count = (tag: RegExp) => xml.match(tag)?.length ?? 0;
const all = count(/<testcase /g);
const failed = count(/<failure\b/g) + count(/<error\b/g);
const skipped = count(/<skipped\b/g);
console.log(`${all - failed - skipped} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
Deno.exit(passed && failed === 0 && all - skipped > 0 ? 0 : 1);
