/** What a child of a runtime takes over from its parent: no lock that another thread holds, and what the parent has done. */
import assert from "node:assert/strict";
import { atLine, replace } from "../support/changed.ts";
import { each } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { children, sleeps, stat, tasks } from "../support/proc.ts";
import { output, type Server, start } from "../support/servers.ts";
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
each("a child does nothing for the first time", ["01-fork"], async (server, lesson, runtime) => {
  const folder = await Deno.makeTempDir();
  await output(["cp", "-r", "lessons", "shared", folder]);
  const file = `${folder}/shared/forkable.ts`;
  await Deno.writeTextFile(file, replace(" rehearse();", ";")(await Deno.readTextFile(file)));
  await using unrehearsed = await start(lesson, runtime, { script: `${folder}/lessons/${lesson}.ts` });
  const [few, many] = [await faults(server), await faults(unrehearsed)];
  assert(few < 0.6 * many, `${few} page faults, and without the rehearsal ${many}`);
  await Deno.remove(folder, { recursive: true });
});
