/** Many connections, and many calls: nobody's answer is lost. */
import { assertEquals } from "@std/assert";
import { heavyLoad } from "../support/clients.ts";
import type { Lesson, Runtime } from "../support/runtimes.ts";
import { run, start } from "../support/servers.ts";
import { each } from "./each.ts";

/** The time after which a server counts as stuck, s. */
const STUCK = 600;

/** `count` requests, a hundred at a time, by a process that is faster than this one. */
async function hundred(lesson: Lesson, runtime: Runtime, count: number) {
  await using server = await start(lesson, runtime);
  const { requests, failed } = await heavyLoad(server, 100, STUCK, { count });
  assertEquals({ requests, failed }, { requests: count, failed: 0 });
}

const BY_FEW = ["03-thread-pool", "04-busy-poll", "05-select", "06-epoll"] as const;
each("ten thousand connections, a hundred at a time", BY_FEW, (l, r) => hundred(l, r, 10_000));
// A process or a thread for each takes its time, above all where page faults are dear, as in some virtual
// machines. `deno task soak` sends 50,000 to 01.
each("a hundred connections at a time", ["01-fork", "02-thread"], (l, r) => hundred(l, r, 100));

each(
  "errno is EAGAIN 300,000 times, while the collector runs",
  ["04-busy-poll"],
  async (lesson, runtime) => {
    const { stdout, stderr } = await run(lesson, runtime, {
      script: "tests/programs/errno.ts",
      args: ["--port", "0"],
    });
    assertEquals(stderr, "");
    assertEquals(stdout.trim().split("\n").at(-1), "300000");
  },
);
