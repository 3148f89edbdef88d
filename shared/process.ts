/** Processes: fork(2), waitpid(2), _exit(2). */
import { Errno, errorname } from "./errno.ts";
import { errno, open, openAll, traced } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { forked } from "./socket.ts";
import { report, warn } from "./stderr.ts";

const libc = traced({
  fork: { parameters: [], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  _exit: { parameters: ["i32"], result: "void" },
});
const bare = open({
  getpid: { parameters: [], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  alarm: { parameters: ["i32"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
});

/** For {@link waitpid}: answer at once, whether or not a child has ended. */
export const WNOHANG = 1;

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;
const SIGALRM = 14;

/** Seconds. */
const PATIENCE = 10;

let child = false;
let prepared = false;

/**
 * Make a second process out of this one: fork(2). It returns twice: 0 in the
 * child, the child's process id in the parent. Call `becomeForkable`
 * when the program starts. -1: the system can make no further process now (one line
 * on standard error says so).
 *
 * A child ends when its code does: with {@link exit}, with an error that nobody caught, which is printed, or at its
 * end. What it awaits may never come: timers and sockets do, but files, names and cryptography want threads of the
 * runtime that a child does not have. So a child has ten seconds for what it awaits: alarm(2).
 */
export function fork(): number {
  if (!prepared) {
    openAll();
    runtime.beforeEnd(endChild);
    prepared = true;
  }
  const parent = bare.getpid();
  const pid = libc.fork();
  if (pid === -1) {
    warn(`can't start new process (fork: ${errorname(errno[0])})`);
  } else if (pid === 0) {
    child = true;
    forked(goesOn);
    Promise.resolve().then(awaits); // as soon as it awaits something
    // No child outlives its server (the thread that made it, strictly), whatever ends that: prctl(2).
    bare.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
    if (bare.getppid() !== parent) exit(1); // it ended just before
  }
  return pid;
}

let awaiting = false;
function awaits(): void {
  awaiting = true;
  bare.alarm(PATIENCE);
}
/** It may sleep in a call for as long as it likes. */
function goesOn(): void {
  if (!awaiting) return;
  awaiting = false;
  bare.alarm(0);
  Promise.resolve().then(awaits);
}

/** The runtime would clean up now, with the help of threads that a child does not have, and wait for them for ever. */
function endChild(error?: unknown): void {
  if (!child) return;
  if (error !== undefined) report(`child ${bare.getpid()}`, error);
  exit(error === undefined ? 0 : 1);
}

const AWAITED =
  `awaited for ${PATIENCE} seconds, and was ended: what wants a thread of the runtime (files, names, ` +
  "cryptography) never comes in a forked child; functions that end in Sync need none";

const status = new Int32Array(1);

/**
 * Take note of a child that has ended, so that the kernel forgets it too; until
 * then it is a zombie: waitpid(2). Returns its process id, or 0 if there
 * is none that has ended. A child killed by a signal gets one line of warning, at most one a second.
 */
export function waitpid(pid: number, options: number): number {
  for (;;) {
    const ended = libc.waitpid(pid, status, options);
    if (ended === -1) {
      if (errno[0] === Errno.EINTR) continue;
      return 0; // ECHILD: there are no children at all
    }
    const signal = status[0] & 0x7f;
    if (ended > 0 && signal === SIGALRM) warn(`child ${ended} ${AWAITED}`);
    else if (ended > 0 && signal !== 0) warn(`child ${ended} was killed by signal ${signal}`);
    return ended;
  }
}

/** End this process at once, and nothing of the runtime with it: _exit(2). */
export function exit(code: number): never {
  libc._exit(code);
  throw new Error("unreachable");
}
