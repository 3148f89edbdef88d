/** Processes: fork(2), waitpid(2), _exit(2), and what a JavaScript runtime needs to survive fork(2). */
import { Errno, errorname } from "./errno.ts";
import { check, cstring, errno, libc, type Name, readFile, warn } from "./libc.ts";
import { addressOf, arch, args, runtime } from "./runtime.ts";

/** For {@link waitpid}: answer at once, whether or not a child has ended. */
export const WNOHANG = 1;

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;

/**
 * Make a second process out of this one: fork(2). It returns twice: 0 in the
 * child, the child's process id in the parent. Call {@link becomeForkable}
 * when the program starts. -1: the system can make no further process now (one line
 * on standard error says so).
 */
export function fork(): number {
  for (const name of CALLED_BY_CHILD) void libc[name];
  const parent = libc.getpid();
  const pid = libc.fork();
  if (pid === -1) {
    warn(`can't start new process (fork: ${errorname(errno[0])})`);
  } else if (pid === 0) {
    // No child outlives its server, whatever ends that: prctl(2).
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
    if (libc.getppid() !== parent) exit(1); // it ended just before
  }
  return pid;
}

const status = new Int32Array(1);

/**
 * Take note of a child that has ended, so that the kernel forgets it too; until
 * then it is a zombie: waitpid(2). Returns its process id, or 0 if there
 * is none that has ended. A child killed by a signal gets one line of warning.
 */
export function waitpid(pid: number, options: number): number {
  for (;;) {
    const ended = libc.waitpid(pid, status, options);
    if (ended === -1) {
      if (errno[0] === Errno.EINTR) continue;
      return 0; // ECHILD: there are no children at all
    }
    const signal = status[0] & 0x7f;
    if (ended > 0 && signal !== 0) warn(`child ${ended} was killed by signal ${signal}`);
    return ended;
  }
}

/** End this process at once, and nothing of the runtime with it: _exit(2). */
export function exit(code: number): never {
  libc._exit(code);
  throw new Error("unreachable");
}

/** What a child calls. Opened before the first fork, or every child would open it anew. */
const CALLED_BY_CHILD: Name[] = [
  "fork",
  "getpid",
  "getppid",
  "prctl",
  "waitpid",
  "recv",
  "send",
  "shutdown",
  "setsockopt",
  "close",
  "_exit",
];

/**
 * A program that is not made for fork(2) dies of it, and both runtimes are
 * such: they tell the kernel to leave their heaps out of the child (madvise(2),
 * MADV_DONTFORK), and only the thread that forks goes along, so that a lock
 * held by a helper thread stays locked for ever. So start this program once
 * more, by execv(2), under two conditions: a seccomp(2) filter answers "done"
 * to MADV_DONTFORK and does nothing, and the environment tells V8 and
 * JavaScriptCore to work without helper threads.
 */
export function becomeForkable(): void {
  if (libc.getenv(cstring("LESSON_FORKABLE"))) return; // it is the second start
  ignoreDontFork();
  for (
    const [name, value] of [
      ["LESSON_FORKABLE", "1"],
      ["DENO_V8_FLAGS", "--single-threaded"],
      ["BUN_JSC_useConcurrentGC", "0"],
      ["BUN_JSC_useConcurrentJIT", "0"],
      ["BUN_JSC_numberOfGCMarkers", "1"],
      ["BUN_JSC_useWarmUpMarkedBlocks", "0"], // a thread that gets memory ready, and has a lock around it
      ["MIMALLOC_PURGE_DELAY", "-1"], // a thread that gives memory back
    ]
  ) libc.setenv(cstring(name), cstring(value), 1);

  const argv = readFile("/proc/self/cmdline").split("\0").slice(0, -1);
  const script = argv.length - args.length - 1;
  const options = argv.slice(0, script);
  // The permission is there by now, but it may have been given in the terminal.
  const granted = options.some((option) => /^(--allow-(all|ffi)|-[a-zA-Z]*A)/.test(option));
  if (runtime === "deno" && !granted) argv.splice(script, 0, "--allow-ffi");
  const strings = argv.map(cstring);
  const pointers = BigUint64Array.of(...strings.map(addressOf), 0n);
  check("execv", libc.execv(cstring("/proc/self/exe"), new Uint8Array(pointers.buffer)));
}

// include/uapi/linux/{prctl,seccomp,filter,bpf_common}.h
const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2n;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_ERRNO = 0x00050000;
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS: load the word at offset k of struct seccomp_data
const JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const MADVISE = arch === "x86_64" ? 28 : 233;
const MADV_DONTFORK = 10;

/**
 * From here on, and in every program that this process becomes,
 * madvise(…, MADV_DONTFORK) succeeds and has no effect: seccomp(2).
 */
function ignoreDontFork(): void {
  const program: [code: number, ifTrue: number, ifFalse: number, k: number][] = [
    [LOAD, 0, 0, 0], // the number of the system call
    [JUMP_IF_EQUAL, 0, 3, MADVISE],
    [LOAD, 0, 0, 32], // its third argument, the advice
    [JUMP_IF_EQUAL, 0, 1, MADV_DONTFORK],
    [RETURN, 0, 0, SECCOMP_RET_ERRNO], // errno 0: "done"
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  ];
  const instructions = new Uint8Array(program.length * 8); // struct sock_filter[]
  const view = new DataView(instructions.buffer);
  program.forEach(([code, ifTrue, ifFalse, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    view.setUint32(i * 8 + 4, k, true);
  });
  const filter = BigUint64Array.of(BigInt(program.length), addressOf(instructions)); // struct sock_fprog
  const address = addressOf(new Uint8Array(filter.buffer));
  const refused = libc.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) === -1 ||
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0n, 0n) === -1;
  if (refused) {
    console.error(`fork needs seccomp(2) here, and this system does not offer it (${errorname(errno[0])})`);
    exit(1);
  }
}
