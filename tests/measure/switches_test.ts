/** The counting of switches, by a case whose number is known. */
import { assert } from "@std/assert";
import { COMMANDS, ROOT } from "../support/runtimes.ts";

Deno.test("the switches of threads that have ended are counted", async () => {
  // In a process of its own, of which no other test has children.
  const [deno, ...options] = COMMANDS.deno;
  const args = [...options, "tests/programs/sleepers.ts"];
  const { stdout } = await new Deno.Command(deno, { args, cwd: ROOT }).output();
  const counted = Number(new TextDecoder().decode(stdout));
  // Four hundred sleeps; a runtime that starts is not switched as often each time.
  assert(counted > 300 && counted < 600, `${counted}`);
});
