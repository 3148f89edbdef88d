/** What a runtime takes along into a child: no lock that another thread holds, nothing still to do for the first time. */
import assert from "node:assert/strict";
import { atLine } from "../support/changed.ts";
import { each } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { children, sleeps, stat, tasks } from "../support/proc.ts";
import { type Server, start } from "../support/servers.ts";
import { until } from "../support/wait.ts";

/** The runtimes' helpers come when memory is used. */
const USES_MEMORY = "const kept: unknown[] = [];\n…\n  for (let i = 0; i < 100_000; i++) kept.push({ i });";
each("no other thread may hold a lock when it forks", ["01-fork"], async (server) => {
  const { pid } = server;
  // Node.js can't do without two: one waits for delayed tasks, and hands them to the other.
  const others = () => tasks(pid).filter(({ tid, name }) => tid !== pid && !/^(Delayed|node-V8W)/.test(name));
  const awake = () => others().map(({ tid, name }) => `${name} ${tid}: ${sleeps(pid, tid)}`).join();
  await until(async () => { // ten forks beside which nobody woke
    const before = awake();
    await answersAll(server, 10, 2);
    return awake() === before;
  });
}, { changes: () => [atLine("while (true) {", USES_MEMORY)] });

/** Page faults of a child of 01. */
async function faults(server: Server): Promise<number> {
  const ofReaped = () => Number(stat(server.pid)[8]);
  const before = ofReaped();
  await answersAll(server, 50);
  await until(() => children(server.pid).length === 0);
  return (ofReaped() - before) / 50;
}
each("a child does nothing for the first time", ["01-fork"], async (served, lesson, runtime) => {
  await using plain = await start(lesson, runtime);
  await faults(served); // among them are clients that have no child
  // By turns, since the kernel puts small pages together meanwhile, in the memory of one and then of the other.
  const [first, second]: number[][] = [[], []];
  for (let i = 0; i < 3; i++) {
    first.push(await faults(plain));
    second.push(await faults(served));
  }
  const found = `${first} page faults, and ${second} where the parent has served clients itself`;
  // In Bun, beside other load, its first wait for a client costs a child some forty pages more: why is not known.
  const limit = runtime === "bun" ? 1.35 : 1.15;
  assert(Math.min(...first) < limit * Math.min(...second), found);
}, {
  changes: () => [
    atLine("const pid = fork();", "if (++count < 4) {\n  handler(conn);\n  continue;\n}\n…"),
    atLine("while (true) {", "let count = 0;\n…"),
  ],
});
