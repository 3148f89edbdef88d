/** Many connections, and many calls: nobody's answer is lost. */
import { assertEquals } from "@std/assert";
import { each, heavyLoad, run, type Server, start } from "./harness.ts";

/** `count` requests, a hundred at a time, by a process that is faster than this one. */
async function hundred(server: Server, count: number) {
  const { requests, failed } = await heavyLoad(server, 100, 120, count);
  return { requests, failed };
}

const MOST = ["01-fork", "03-thread-pool", "04-busy-poll", "05-select", "06-epoll"] as const;
each("ten thousand connections, a hundred at a time", MOST, async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await hundred(server, 10_000), { requests: 10_000, failed: 0 });
});
each("a thousand connections, a hundred at a time", ["02-thread"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime);
  assertEquals(await hundred(server, 1_000), { requests: 1_000, failed: 0 });
});

each(
  "errno is EAGAIN a million times, while the collector runs",
  ["04-busy-poll"],
  async (lesson, runtime) => {
    const { stdout, stderr } = await run(lesson, runtime, {
      script: "tests/errno_script.ts",
      args: ["--port", "0"],
    });
    assertEquals(stderr, "");
    assertEquals(stdout.trim().split("\n").at(-1), "1000000");
  },
);
