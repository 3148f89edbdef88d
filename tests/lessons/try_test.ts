/** `deno task try`: it writes the change that is asked for, and never over a reader's own. */
import { assert, assertEquals } from "@std/assert";
import { changedBy, experiments } from "../support/experiments.ts";
import { output } from "../support/servers.ts";

for (const words of [["06", "edge-triggered"], ["06", "Edge"], ["--zh", "06", "边缘触发"]]) {
  Deno.test(`deno task try ${words.join(" ")}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "100% grüße " });
    await output(["cp", "-r", "lessons", "shared", "tests", "deno.json", folder]);
    const mine = `${folder}/lessons/mine.ts`;
    await Deno.remove(mine).catch(() => {});
    const command = [Deno.execPath(), "run", "-A", "--no-check", `${folder}/tests/try.ts`, ...words];
    for (let i = 0; i < 2; i++) { // the second time it writes over its own
      const { code, stdout } = await output(command);
      assertEquals(code, 0);
      assert(stdout.includes("\n+      epoll.register(conn.fileno(), EPOLLIN | EPOLLET);\n"));
      assert(stdout.includes("`curl 127.0.0.1:9696` "));
      const expected = changedBy(experiments.get("06-epoll: Edge-triggered")!, "06-epoll");
      assertEquals(await Deno.readTextFile(mine), expected);
    }
    await Deno.writeTextFile(mine, "mine");
    assertEquals((await output(command)).code, 1);
    assertEquals(await Deno.readTextFile(mine), "mine");
    await Deno.remove(folder, { recursive: true });
  });
}
