/** Other ways to start a lesson: bundled, watched, from a process that has forked; and what it starts itself. */
import { assertEquals } from "@std/assert";
import { changed, replace } from "../support/changed.ts";
import { get, load, RESPONSE_TEXT } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { COMMANDS, LESSONS } from "../support/runtimes.ts";
import { output, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const DENO = [Deno.execPath(), "bundle", "-q", "-o"];
const BUN = ["bun", "build", "--target=bun", "--outfile"];
for (const lesson of LESSONS) {
  once(`${lesson} answers when it is bundled into one file`, async (runtime) => {
    for (const bundler of runtime === "bun" ? [DENO, BUN] : [DENO]) {
      const folder = await Deno.makeTempDir();
      const script = `${folder}/one.mjs`;
      const { code, stderr } = await output([...bundler, script, `lessons/${lesson}.ts`]);
      assertEquals(code, 0, stderr);
      await using server = await start(lesson, runtime, { script });
      assertEquals([await load(server, 3, 1), server.stderr], [[], []]);
      await Deno.remove(folder, { recursive: true });
    }
  });
}

once("--watch: it answers, and a copy starts anew when it is saved", async (runtime) => {
  const [program, ...rest] = COMMANDS[runtime];
  const command = runtime === "deno" ? [program, "run", "--watch", ...rest.slice(1)] : [program, "--watch"];
  const script = await changed("02-thread");
  await using server = await start("02-thread", runtime, { script, command });
  assertEquals(await load(server, 3, 1), []);
  if (runtime === "deno") return; // it waits for its event loop
  await Deno.writeTextFile(script, (await Deno.readTextFile(script)).replace("connection", "client"));
  await until(() => server.stdout.filter((line) => / listening on /.test(line)).length === 2);
});

once("LESSON_FORKABLE from another lesson's environment is not taken for its own", async (runtime) => {
  await using server = await start("01-fork", runtime, { before: ["env", "LESSON_FORKABLE=1"] });
  assertEquals(await load(server, 3, 1), []);
});

each("a program that a copy starts has none of its descriptors", ["06-epoll"], async (server) => {
  assertEquals(await get(server), RESPONSE_TEXT);
  await until(() => server.stdout.includes("end"));
  const fds = server.stdout.flatMap((line) => /(\d+ -> (?:socket|anon_inode).*)/.exec(line)?.[1] ?? []);
  assertEquals(fds.filter((fd) => Number.parseInt(fd) > 2), []); // its standard ones may be sockets
}, {
  changes: () => [replace(
    "      const data = conn.recv(4096);",
    `      const { execFileSync } = process.getBuiltinModule("node:child_process");
      console.log(execFileSync("ls", ["-l", "/proc/self/fd"], { encoding: "utf8" }) + "end");
      const data = conn.recv(4096);`,
  )],
});
