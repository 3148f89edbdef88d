/** What a JavaScript runtime needs to survive fork(2). */
import { bare, check, cstring, errno, errorname, tracing } from "./libc.ts";
import { lingeringClose } from "./linger.ts";
import { recvRequest } from "./request.ts";
import { RESPONSE } from "./response.ts";
import { runtime } from "./runtime.ts";
import { Socket, unclosed } from "./socket.ts";
import { die } from "./stdio.ts";

/** Holds the process id of the second start. Its children inherit the variable, but not the id. */
const MARK = "LESSON_FORKABLE";

// include/uapi/asm-generic/fcntl.h, signal.h
const [O_CLOEXEC, F_SETFD, SIGPROF, SIG_IGN] = [0o2000000, 2, 27, 1n];

/** Whether {@link becomeForkable} was called. */
export let forkable = false;

/**
 * The runtimes do not survive fork(2). They have the kernel leave their heaps out of a child (MADV_DONTFORK, madvise(2)).
 * And a child has one thread only, so what a helper thread has locked stays locked. So start this program once more by
 * execve(2), behind a filter that ignores MADV_DONTFORK, and with an engine that does without helper threads. What stands
 * above this call runs twice. Error: there is a socket already.
 */
export function becomeForkable(): void {
  if (forkable) return;
  const [pid, mark] = [bare.getpid(), bare.getenv(cstring(MARK))];
  forkable = mark !== 0n && bare.atoi(mark) === pid;
  if (forkable) { // it is the second start
    // deno-lint-ignore no-process-global
    Object.defineProperty("Deno" in globalThis ? Deno : process, "pid", { get: bare.getpid }); // a child has another
    // With its options V8 offers this: what starting has left behind would be copied in each fork.
    Reflect.get(globalThis, "gc")?.({ type: "major", execution: "sync", flavor: "last-resort" });
    if (!tracing && runtime.isMainThread) rehearse(); // with --trace it would be seen
    return;
  }
  if (unclosed.size > 0) throw new Error("becomeForkable() starts the program again: before createServer(…)");
  if (!/^https?:/.test(runtime.script) && bare.open(cstring(runtime.script), O_CLOEXEC, 0) === -1) {
    die("fork starts this program again, so it has to be a file");
  }
  ignoreDontFork();

  const { options, environment } = runtime.forkable();
  const [program, ...rest] = strings("/proc/self/cmdline");
  const argv = [program, ...options.map(cstring), ...rest];
  const added = { ...environment, [MARK]: `${pid}` };
  const inherited = strings("/proc/self/environ").filter((word) =>
    !Object.hasOwn(added, new TextDecoder().decode(word).split("=")[0])
  );
  const envp = [...inherited, ...Object.entries(added).map((pair) => cstring(pair.join("=")))];
  const path = new Uint8Array(4097); // PATH_MAX, and room for a NUL behind it
  check("readlink", bare.readlink(cstring("/proc/self/exe"), path, 4096)); // by its own name the process would be "exe"
  for (const fd of [0, 1, 2]) bare.fcntl(fd, F_SETFD, 0); // a runtime may have them closed on exec
  bare.signal(SIGPROF, SIG_IGN); // one that is still on its way from a profiler would end the new program
  check("execve", bare.execve(path, pointers(argv), pointers(envp)));
}

/** The address of a copy in C's memory. It is never freed: what follows is another program. */
const copied = (data: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): bigint =>
  bare.memcpy(bare.malloc(data.byteLength), data, data.byteLength);
const pointers = (strings: Uint8Array<ArrayBuffer>[]) => BigUint64Array.of(...strings.map(copied), 0n);

/** The C strings in a file of /proc. The runtimes' own ways want a permission more, or take them for UTF-8. */
function strings(path: string): Uint8Array<ArrayBuffer>[] {
  const fd = bare.open(cstring(path), O_CLOEXEC, 0);
  if (fd === -1) die(`fork starts this program again, and reads ${path} for that: ${errorname(errno[0])}`);
  const room = new Uint8Array(8 * 1024 * 1024); // execve(2) takes less
  const bytes = room.subarray(0, check("read", bare.read(fd, room, room.length)));
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let start = 0, end; (end = bytes.indexOf(0, start) + 1) > 0; start = end) {
    found.push(bytes.slice(start, end));
  }
  return found;
}

// include/uapi/linux/{prctl,seccomp,filter,bpf_common,audit}.h
const [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER] = [22, 38, 2n];
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS: load the word at offset k of struct seccomp_data
const JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const [ARCHITECTURE, MADVISE] = runtime.arch === "x86_64" ? [0xc000003e, 28] : [0xc00000b7, 233];
const MADV_DONTFORK = 10;

/**
 * From now on madvise(…, MADV_DONTFORK) succeeds and has no effect, in this thread, in the programs that it becomes and in
 * their children: seccomp(2). Nor do they gain rights by a setuid program: PR_SET_NO_NEW_PRIVS, prctl(2).
 */
function ignoreDontFork(): void {
  const program: [code: number, yes: number, no: number, k: number][] = [
    [LOAD, 0, 0, 4], // the architecture, on which the numbers depend
    [JUMP_IF_EQUAL, 0, 5, ARCHITECTURE],
    [LOAD, 0, 0, 0], // the number of the system call
    [JUMP_IF_EQUAL, 0, 3, MADVISE],
    [LOAD, 0, 0, 32], // its third argument, the advice
    [JUMP_IF_EQUAL, 0, 1, MADV_DONTFORK],
    [RETURN, 0, 0, 0x00050000], // SECCOMP_RET_ERRNO, with errno 0: "done"
    [RETURN, 0, 0, 0x7fff0000], // SECCOMP_RET_ALLOW
  ];
  // struct sock_filter[], each of 16, 8, 8 and 32 bits; struct sock_fprog, which points to them
  const filter = Uint32Array.of(...program.flatMap(([code, yes, no, k]) => [code | yes << 16 | no << 24, k]));
  const fprog = BigUint64Array.of(BigInt(program.length), copied(filter));
  const refused = bare.prctl(PR_SET_NO_NEW_PRIVS, 1n, null, 0n, 0n) === -1 ||
    bare.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0n, 0n) === -1;
  if (refused) die(`fork needs seccomp(2) here, and this system does not offer it (${errorname(errno[0])})`);
}

/**
 * Do what a child does: open every C function, and serve a few clients, since engines watch a function's first calls.
 * What happens at a first use would happen in each child anew, and cost more than the fork.
 */
function rehearse(): void {
  Object.values(bare);
  const server = new Socket();
  server.bind(["127.0.0.1", 0]);
  server.listen(1);
  for (let i = 0; i < 4; i++) {
    const client = new Socket();
    client.connect(server.getsockname());
    const conn = server.accept()!;
    client.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    if (recvRequest(conn)) conn.send(RESPONSE);
    client.close();
    lingeringClose(conn);
  }
  server.close();
  Socket.closeAll("rehearsal"); // there is none left
}
