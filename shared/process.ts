/** Processes: fork(2), wait(2), _exit(2). */
import { forkable } from "./forkable.ts";
import { bare, Errno, errno, errorname, libc } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { integer, Socket } from "./socket.ts";
import { die, warn } from "./stdio.ts";

/** For {@link waitpid}: do not wait for a child to end. */
export const WNOHANG = 1;

// include/uapi/linux/prctl.h, asm-generic/signal.h
const [PR_SET_PDEATHSIG, SIGKILL] = [1, 9n];

let child = false; // is this one?
const STATUS = new Int32Array(1);

/**
 * Make a second process out of this one: fork(2). It returns twice: 0 in the child, the child's id in the parent.
 * -1: no process can be made now; a line on standard error says why. Error: {@link becomeForkable} was not called.
 *
 * A child has no event loop of its own: its parent's epoll is shared, and it would take events from it. So it ends with
 * {@link exit}, with an error that nobody caught, or, with a sentence, when it comes to the loop. It may await what needs
 * no loop. An async function's error is lost unless it is awaited.
 */
export function fork(): number {
  if (!forkable) throw new Error("fork: becomeForkable() has to come first, or the child would not survive");
  // A timer that is due at once: a child inherits it, and its event loop runs it first.
  if (!armed) runtime.nextTurn(comeToLoop);
  armed = true;
  const parent = bare.getpid();
  const pid = libc.fork();
  if (pid === -1) warn(`can't start new process (fork: ${errorname(errno[0])})`);
  if (pid === 0) {
    // The kernel kills the server's children when it (strictly: the thread that forked) ends: prctl(2).
    if (!child && runtime.isMainThread) bare.prctl(PR_SET_PDEATHSIG, SIGKILL, null, 0n, 0n);
    if (!child && bare.getppid() !== parent) libc._exit(1); // it ended just before
    child = true;
  }
  return pid;
}

let armed = false;
function comeToLoop(): void {
  armed = false;
  const advice = "end it with exit(0), use functions that end in Sync, and sleep with Atomics.wait";
  if (child) die(`child ${bare.getpid()} has come to its event loop, and has none of its own: ${advice}`);
}

// The runtime would clean up now, with the help of threads that a child does not have, and wait for them for ever.
runtime.beforeEnd((code, thrown) => child && exit(code, thrown));

/**
 * Reap a child that has ended, and return its process id and status, as Python's `os.waitpid`: wait(2). The status has the
 * signal that killed it (a warning tells of it) in its lower 7 bits, and the exit code in bits 8 to 15. The id is 0 if
 * none has ended (WNOHANG), or if there are no children.
 */
export function waitpid(pid: number, options: number): [pid: number, status: number] {
  let ended: number;
  do ended = libc.waitpid(pid, STATUS, options); while (ended === -1 && errno[0] === Errno.EINTR);
  if (ended <= 0) return [0, 0]; // -1: ECHILD
  const signal = STATUS[0] & 0x7f;
  if (signal !== 0) warn(`child ${ended} was killed by signal ${signal}`);
  return [ended, STATUS[0]];
}

/** End this process at once: _exit(2). A child tells what was thrown, or else that it leaves connections open. */
export function exit(code = 0, thrown?: { error: unknown }): never {
  if (child) Socket.closeAll(`child ${bare.getpid()}`, thrown);
  return libc._exit(integer(code, "the exit code")) as never;
}
