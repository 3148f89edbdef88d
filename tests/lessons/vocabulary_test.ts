/** The vocabulary, called rightly and wrongly: no call hangs, writes over memory or means something else. */
import { deepEqual as assertEquals } from "node:assert/strict";
import { once } from "../support/declare.ts";
import { run } from "../support/servers.ts";

once("what can be said with the vocabulary, and what cannot", async (runtime) => {
  const end = await run("06-epoll", runtime, { script: "tests/programs/vocabulary.ts" });
  assertEquals(end, { code: 0, stdout: "ok\n", stderr: "" });
});
