/** Other ways to start a lesson: bundled into one file, and watched. */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { changed, written } from "../support/changed.ts";
import { once } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { COMMANDS, LESSONS } from "../support/runtimes.ts";
import { output, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const DENO = [Deno.execPath(), "bundle", "-q", "-o"];
const BUN = ["bun", "build", "--target=bun", "--outfile"];
for (const lesson of LESSONS) {
  once(`${lesson} answers when it is bundled into one file`, async (runtime) => {
    for (const bundler of runtime === "bun" ? [DENO, BUN] : [DENO]) {
      const script = await written({ "one.mjs": "" });
      const { code, stderr } = await output([...bundler, script, `lessons/${lesson}.ts`]);
      assertEquals(code, 0, stderr);
      await using server = await start(lesson, runtime, { script });
      await answersAll(server, 3);
      assertEquals(server.stderr, []);
    }
  });
}

once("--watch: it answers, and a copy starts anew when it is saved", async (runtime) => {
  const [program, ...rest] = COMMANDS[runtime];
  const command = runtime === "deno" ? [program, "run", "--watch", ...rest.slice(1)] : [program, "--watch"];
  const script = await changed("02-thread");
  await using server = await start("02-thread", runtime, { script, command });
  await answersAll(server, 3);
  if (runtime === "deno") return; // it waits for its event loop
  await Deno.writeTextFile(script, (await Deno.readTextFile(script)).replace("connection", "client"));
  await until(() => server.stdout.filter((line) => / listening on /.test(line)).length === 2);
});
