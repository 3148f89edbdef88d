/** How often the kernel switched the threads of a process, because one waited or because another's turn had come. */
import { libc } from "../support/libc.ts";
import { tasks } from "../support/proc.ts";

/** Of the threads that a process has now. */
export function switchesSoFar(pid: number): number {
  const counts = tasks(pid).flatMap(({ tid }) =>
    Deno.readTextFileSync(`/proc/${pid}/task/${tid}/status`).match(/(?<=ctxt_switches:\s+)\d+/g) ?? []
  );
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

/**
 * Of all children of this process that have ended and were reaped. /proc has the counts of threads that are there, and
 * those of 02 have ended; but a process keeps them, and its parent gets them all when it reaps it: getrusage(2).
 */
export function switchesOfChildren(): number {
  const usage = new BigInt64Array(18); // struct rusage: its last two are ru_nvcsw and ru_nivcsw
  libc.getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer));
  return Number(usage[16] + usage[17]);
}
const RUSAGE_CHILDREN = -1;
