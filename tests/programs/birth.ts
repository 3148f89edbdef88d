/**
 * What it costs to make a process or a thread, as the lessons make them: `birth.ts fork|thread COUNT`, under
 * each runtime, makes COUNT of them, one after another, that end at once. Prints one line of JSON.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { becomeForkable } from "../../shared/forkable.ts";
import { exit, fork, waitpid } from "../../shared/process.ts";
import { isMainThread, Thread } from "../../shared/thread.ts";

/** What one birth costs, to its end: µs of time, and µs of processor time. */
export interface Birth {
  time: number;
  cpu: number;
}

/** What each thread does. */
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

/** Processor time of this process and of the children that it has reaped, µs; theirs comes in ticks of 10 ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  return user + system + (Number(fields[13]) + Number(fields[14])) * 10_000;
}

if (isMainThread) {
  const [kind, count] = process.argv.slice(2);
  if (kind === "fork") becomeForkable();
  const make = kind === "fork" ? child : thread;
  for (let i = 0; i < 5; i++) await make(); // the first ones load and compile
  const [cpuBefore, before] = [cpu(), performance.now()];
  for (let i = 0; i < Number(count); i++) await make();
  const time = (performance.now() - before) * 1000 / Number(count);
  console.log(JSON.stringify({ time, cpu: (cpu() - cpuBefore) / Number(count) } satisfies Birth));
  process.exit(0);
}
