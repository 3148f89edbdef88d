/** What a JavaScript runtime needs to survive fork(2). */
import { errorname } from "./errno.ts";
import { check, cstring, errno, open } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { die } from "./stderr.ts";

const libc = open({
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  getenv: { parameters: ["buffer"], result: "u64" },
  setenv: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
});

const F_SETFD = 2;
const O_CLOEXEC = 0o2000000;

/**
 * A program that is not made for fork(2) dies of it, and the runtimes are
 * such: they tell the kernel to leave their heaps out of the child (madvise(2),
 * MADV_DONTFORK), and only the thread that forks goes along, so that a lock
 * held by a helper thread stays locked for ever. So start this program once
 * more, by execv(2), under two conditions: a seccomp(2) filter answers "done"
 * to MADV_DONTFORK and does nothing, and the engine is told to work without helper threads.
 */
export function becomeForkable(): void {
  if (libc.getenv(cstring("LESSON_FORKABLE"))) return; // it is the second start
  ignoreDontFork();

  const [program, ...rest] = commandLine();
  const script = rest.length - runtime.args.length - 1;
  const { options, environment } = runtime.forkable(rest.slice(0, script));
  for (const [name, value] of Object.entries({ LESSON_FORKABLE: "1", ...environment })) {
    libc.setenv(cstring(name), cstring(value), 1);
  }
  for (const fd of [0, 1, 2]) libc.fcntl(fd, F_SETFD, 0); // a runtime may have them closed on exec
  const strings = [program, ...options, ...rest.slice(script)].map(cstring);
  const argv = BigUint64Array.of(...strings.map(runtime.addressOf), 0n);
  // Not /proc/self/exe itself: the process would have the name "exe".
  check("execv", libc.execv(executable(), new Uint8Array(argv.buffer)));
}

/** The words that this process was started with, over libc: a runtime's own way may want one more permission. */
function commandLine(): string[] {
  const fd = check("open", libc.open(cstring("/proc/self/cmdline"), O_CLOEXEC, 0));
  const chunks: number[] = [];
  const chunk = new Uint8Array(4096);
  for (let n; (n = check("read", libc.read(fd, chunk, chunk.length))) > 0;) {
    chunks.push(...chunk.subarray(0, n));
  }
  return new TextDecoder().decode(Uint8Array.from(chunks)).split("\0").slice(0, -1);
}

/** The path of the running program, as C wants it. */
function executable(): Uint8Array<ArrayBuffer> {
  const path = new Uint8Array(4097); // PATH_MAX, and room for a NUL behind it
  check("readlink", libc.readlink(cstring("/proc/self/exe"), path, 4096));
  return path;
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
const MADVISE = runtime.arch === "x86_64" ? 28 : 233;
const MADV_DONTFORK = 10;

/**
 * From here on in this thread, and in every program that it becomes,
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
  const filter = BigUint64Array.of(BigInt(program.length), runtime.addressOf(instructions)); // struct sock_fprog
  const address = runtime.addressOf(new Uint8Array(filter.buffer));
  const refused = libc.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) === -1 ||
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0n, 0n) === -1;
  if (refused) {
    die(`fork needs seccomp(2) here, and this system does not offer it (${errorname(errno[0])})`);
  }
}
