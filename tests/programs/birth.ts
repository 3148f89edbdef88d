/**
 * What it costs to make a process or a thread, as the lessons make them: `birth.ts fork|thread
 * COUNT`, under Deno or Bun, makes COUNT of them, one after another, that end at once. Prints one
 * line of JSON.
 */
import { becomeForkable, exit, fork, waitpid } from "../../shared/process.ts";
import { args, symbol } from "../../shared/runtime.ts";
import { isMainThread, Thread } from "../../shared/thread.ts";

/** What one birth costs, to its end: µs of time, and µs of processor time. */
export interface Birth {
  time: number;
  cpu: number;
}

export function nothing() {}

async function thread() {
  const thread = new Thread({ module: import.meta.url, target: nothing, args: [] });
  await thread.start();
  await thread.join();
}

function child() {
  const pid = fork();
  if (pid === 0) exit(0);
  waitpid(pid, 0);
}

if (isMainThread) {
  const [kind, count] = args;
  if (kind === "fork") becomeForkable();
  const getrusage = symbol("libc.so.6", "getrusage", { parameters: ["i32", "buffer"], result: "i32" });
  /** Processor time of this process (0) and of its children (-1), µs: getrusage(2) */
  const cpu = () =>
    [0, -1].reduce((sum, who) => {
      const usage = new BigInt64Array(18); // struct rusage: it begins with two struct timeval
      getrusage(who, new Uint8Array(usage.buffer));
      return sum + Number(usage[0] + usage[2]) * 1e6 + Number(usage[1] + usage[3]);
    }, 0);
  const make = kind === "fork" ? child : thread;
  for (let i = 0; i < 5; i++) await make(); // the first ones load and compile
  const [cpuBefore, before] = [cpu(), performance.now()];
  for (let i = 0; i < Number(count); i++) await make();
  const time = (performance.now() - before) * 1000 / Number(count);
  console.log(JSON.stringify({ time, cpu: (cpu() - cpuBefore) / Number(count) } satisfies Birth));
  // deno-lint-ignore no-process-global
  process.exit(0);
}
