/** Other ways to start a lesson: bundled, watched, from a process that has forked; and what one starts itself. */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { changed } from "../support/changed.ts";
import { get, RESPONSE_TEXT, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { openFiles, read } from "../support/proc.ts";
import { COMMANDS, LESSONS } from "../support/runtimes.ts";
import { output, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const O_CLOEXEC = 0o2000000; // include/uapi/asm-generic/fcntl.h

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
      await answersAll(server, 3);
      assertEquals(server.stderr, []);
      await Deno.remove(folder, { recursive: true });
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

once("LESSON_FORKABLE from another lesson's environment is not taken for its own", async (runtime) => {
  await using server = await start("01-fork", runtime, { before: ["env", "LESSON_FORKABLE=1"] });
  await answersAll(server, 3);
});

each("no program that a copy starts has its descriptors", ["06-epoll"], async (server) => {
  using _silent = await silent(server, 1);
  assertEquals(await get(server), RESPONSE_TEXT);
  const inherited = openFiles(server.pid).filter(({ fd, file }) => {
    const flags = /^flags:\s+(\d+)/m.exec(read(`/proc/${server.pid}/fdinfo/${fd}`))?.[1];
    return flags && Number(fd) > 2 && /^(socket|anon_inode):/.test(file) && !(parseInt(flags, 8) & O_CLOEXEC);
  });
  assertEquals(inherited, []);
});
