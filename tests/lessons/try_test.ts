/** `deno task try`: it writes the change that is asked for, and never over a reader's own. */
import { assert, assertEquals } from "@std/assert";
import { changedBy, experiments } from "../support/experiments.ts";
import { ROOT } from "../support/runtimes.ts";

const item = experiments.get("06-epoll: Edge-triggered")!;

for (const words of [["06", "edge-triggered"], ["06", "Edge"], ["--zh", "06", "边缘触发"]]) {
  Deno.test(`deno task try ${words.join(" ")}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "100% grüße " });
    for (const part of ["lessons", "shared", "tests", "deno.json"]) {
      await new Deno.Command("cp", { args: ["-r", ROOT + part, folder] }).output();
    }
    const mine = `${folder}/lessons/mine.ts`;
    await Deno.remove(mine).catch(() => {});
    const run = async () => {
      const args = ["run", "-A", "--no-check", `${folder}/tests/try.ts`, ...words];
      const { code, stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
      return { code, stdout: new TextDecoder().decode(stdout) };
    };
    for (let i = 0; i < 2; i++) { // the second time it writes over its own
      const { code, stdout } = await run();
      assertEquals(code, 0);
      assert(stdout.includes("\n+      epoll.register(conn.fileno(), EPOLLIN | EPOLLET);\n"));
      assert(stdout.includes("`curl 127.0.0.1:9696` "));
      assertEquals(await Deno.readTextFile(mine), changedBy(item, "06-epoll"));
    }
    await Deno.writeTextFile(mine, "mine");
    assertEquals((await run()).code, 1);
    assertEquals(await Deno.readTextFile(mine), "mine");
    await Deno.remove(folder, { recursive: true });
  });
}
