/** How often the kernel switched the threads of a process. */
import { libc } from "../support/syscalls.ts";

/** Because a thread waited (voluntary), or because another's turn had come. */
export interface Switches {
  voluntary: number;
  involuntary: number;
}

/**
 * Call `end`, during which one child of this process ends and is reaped, and no other; how often its threads were
 * switched in all its life, and the children that it had reaped.
 *
 * /proc has the counts of threads that are there, and those of 02 have ended. But a process keeps those of its
 * threads that have ended, and its parent gets them all when it reaps it: getrusage(2), RUSAGE_CHILDREN.
 */
export async function switchesOfLife(end: () => PromiseLike<unknown>): Promise<Switches> {
  const before = ofChildren();
  await end();
  const after = ofChildren();
  return {
    voluntary: after.voluntary - before.voluntary,
    involuntary: after.involuntary - before.involuntary,
  };
}

const RUSAGE_CHILDREN = -1;
function ofChildren(): Switches {
  const usage = new BigInt64Array(18); // struct rusage: its last two are ru_nvcsw and ru_nivcsw
  libc.getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer));
  return { voluntary: Number(usage[16]), involuntary: Number(usage[17]) };
}
