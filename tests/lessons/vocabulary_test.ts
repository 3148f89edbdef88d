/** The vocabulary, called rightly and wrongly: no call hangs, writes over memory or means something else. */
import { assertEquals } from "@std/assert";
import { run } from "../support/servers.ts";
import { each } from "./each.ts";
import { settled } from "./talk.ts";

each("what can be said with it, and what cannot", ["06-epoll"], async (lesson, runtime) => {
  const ended = await settled("its end", run(lesson, runtime, { script: "tests/programs/vocabulary.ts" }));
  assertEquals(ended, { code: 0, stdout: "ok\n", stderr: "" });
});
