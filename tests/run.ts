/**
 * `deno task test [FILE…]`: checks the types of everything, runs every test (or those in FILE…), and
 * closes with one plain line that says how it went.
 */

import { ALL_RUNTIMES, ROOT, RUNTIMES } from "./support/runtimes.ts";

/** Run `deno` with these arguments; whether it succeeded. */
const runDeno = async (args: string[], env = {}) =>
  (await new Deno.Command(Deno.execPath(), { args, env, cwd: ROOT, stdin: "null" }).spawn().status).success;

if (!await runDeno(["check", "--quiet"])) Deno.exit(1);

const folder = await Deno.makeTempDir();
const options = ["--allow-all", "--no-check", "--parallel", `--junit-path=${folder}/report.xml`];
const files = Deno.args.length ? Deno.args : ["tests"];
const env = {
  // For half of its time a test waits: for a server's second to be over, for a runtime to start.
  DENO_JOBS: `${2 * navigator.hardwareConcurrency}`,
  // Else Node.js would strip the types of every file anew, each time that a test starts a lesson.
  NODE_COMPILE_CACHE: `${folder}/cache`,
};
const passed = await runDeno(["test", ...options, ...files], env);
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
