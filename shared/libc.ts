/**
 * The C library: every function that a lesson calls, with its C signature.
 * `libc.recv` is the bare symbol; the vocabulary around it (socket.ts,
 * process.ts, select.ts, epoll.ts) turns its results into JavaScript.
 */
import { OSError } from "./errno.ts";
import { arch, args, type CFunction, type CType, int32At, type Pointer, symbol } from "./runtime.ts";

/**
 * Lengths and results (`size_t`, `ssize_t` in C) are declared `i32`: no lesson
 * passes more than 2 GiB, and 64-bit ones would arrive as BigInt, off V8's
 * fast path for foreign calls.
 */
const SIGNATURES = {
  // socket(7)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  accept: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  // processes
  fork: { parameters: [], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  _exit: { parameters: ["i32"], result: "void" },
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  getenv: { parameters: ["buffer"], result: "pointer" },
  setenv: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  // select(2), epoll(7)
  select: { parameters: ["i32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // threads
  dlsym: { parameters: ["u64", "buffer"], result: "u64" },
  pthread_create: { parameters: ["buffer", "buffer", "u64", "u64"], result: "i32" },
  pthread_join: { parameters: ["u64", "buffer"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  // files, time
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  isatty: { parameters: ["i32"], result: "i32" },
  usleep: { parameters: ["u32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

// deno-fmt-ignore
type Value<T extends CType> =
  T extends "buffer" ? Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer> | null
  : T extends "u64" ? bigint
  : T extends "pointer" ? Pointer | null
  : T extends "void" ? void
  : number;
type Values<P extends readonly CType[]> = { -readonly [I in keyof P]: Value<P[I]> };
/** The name of one of these functions. */
export type Name = keyof typeof SIGNATURES;
/** The functions by name, with their parameters as JavaScript passes them. */
export type Libc = {
  [K in Name]: (
    ...args: Values<(typeof SIGNATURES)[K]["parameters"]>
  ) => Value<(typeof SIGNATURES)[K]["result"]>;
};

/** The file name of the C library: glibc's, or musl's where there is no glibc. */
let library = "libc.so.6";
function open(name: Name): CFunction {
  try {
    return symbol(library, name, SIGNATURES[name]);
  } catch (error) {
    const musl = `libc.musl-${arch}.so.1`;
    if (library === musl || (error as Error).name === "NotCapable") throw error;
    library = musl;
    return open(name);
  }
}

/**
 * `errno[0]` says why the last call of this thread failed: errno(3). Each
 * thread has its own `int`, at an address that never changes. Read it in the
 * statement after the call: it is a plain load then, and nothing, not even
 * the garbage collector, gets in between.
 */
export let errno: Int32Array;

/** Without `--trace`, a lesson calls the bare symbols; with it, functions that also print the call. */
let traced = (_name: Name, bare: CFunction): CFunction => bare;

/**
 * The functions, each opened when it is first used: opening one costs Deno
 * 0.2 ms, and a lesson needs a dozen of them, a thread five.
 */
export const libc = {} as Libc;
for (const name of Object.keys(SIGNATURES) as Name[]) {
  Object.defineProperty(libc, name, {
    configurable: true,
    get() {
      if (!errno && name !== "__errno_location") errno = int32At(libc.__errno_location()!);
      const value = traced(name, open(name));
      Object.defineProperty(libc, name, { value });
      return value;
    },
  });
}

const flag = args.find((arg) => /^--trace(=|$)/.test(arg));
if (flag) traced = (await import("./trace.ts")).tracer(libc, () => errno, flag);

/** `result`, or throws {@link OSError} if it is -1. Only for calls that seldom fail: errno is read here. */
export function check(call: string, result: number): number {
  if (result === -1) throw new OSError(call, errno[0]);
  return result;
}

/** A string as C wants it: UTF-8 with a NUL behind it. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** A file as text, read over libc: Deno's own way would need one more permission. */
export function readFile(path: string): string {
  const fd = check("open", libc.open(cstring(path), 0, 0));
  const chunks: number[] = [];
  const chunk = new Uint8Array(16384);
  for (let n; (n = check("read", libc.read(fd, chunk, chunk.length))) > 0;) {
    for (let i = 0; i < n; i++) chunks.push(chunk[i]);
  }
  libc.close(fd);
  return new TextDecoder().decode(Uint8Array.from(chunks));
}

let warned = -Infinity;
/** Print one line on standard error, at most one a second: a fault that repeats must not flood the terminal. */
export function warn(line: string): void {
  if (performance.now() - warned < 1000) return;
  warned = performance.now();
  console.error(line);
}
