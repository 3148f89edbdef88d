/** The C library, glibc or musl: every function that is called here, and why a call of it fails. */
import { type CFunction, runtime, type Signature } from "./runtime.ts";

/** What each function returns, and then what it takes. No buffer here reaches 2 GiB: ssize_t is i32, size_t is u32. */
const FUNCTIONS = {
  __errno_location: ["u64"],
  // socket(2), bind(2), listen(2), getsockname(2), connect(2), accept(2), recv(2), send(2), shutdown(2)
  socket: ["i32", "i32", "i32", "i32"],
  setsockopt: ["i32", "i32", "i32", "i32", "buffer", "i32"],
  getsockopt: ["i32", "i32", "i32", "i32", "buffer", "buffer"],
  bind: ["i32", "i32", "buffer", "i32"],
  listen: ["i32", "i32", "i32"],
  getsockname: ["i32", "i32", "buffer", "buffer"],
  connect: ["i32", "i32", "buffer", "i32"],
  accept4: ["i32", "i32", "buffer", "buffer", "i32"],
  recv: ["i32", "i32", "buffer", "u32", "i32"],
  send: ["i32", "i32", "buffer", "u32", "i32"],
  shutdown: ["i32", "i32", "i32"],
  // (V8 and libffi leave the upper half of a u32's register zero. As u64, these lengths would cost 06 half as much again.)
  // close(2), dup(2), ioctl(2), fcntl(2), open(2), read(2), write(2), readlink(2)
  close: ["i32", "i32"],
  dup: ["i32", "i32"],
  ioctl: ["i32", "i32", "u32", "buffer"],
  fcntl: ["i32", "i32", "i32", "i32"],
  open: ["i32", "buffer", "i32", "i32"],
  read: ["i32", "i32", "buffer", "u32"],
  write: ["i32", "i32", "buffer", "u32"],
  readlink: ["i32", "buffer", "buffer", "u32"],
  // poll(2), select(2), epoll_create(2), epoll_ctl(2), epoll_wait(2)
  poll: ["i32", "buffer", "u32", "i32"],
  select: ["i32", "i32", "buffer", "buffer", "buffer", "buffer"],
  epoll_create1: ["i32", "i32"],
  epoll_ctl: ["i32", "i32", "i32", "i32", "buffer"],
  epoll_wait: ["i32", "i32", "buffer", "i32", "i32"],
  // fork(2), wait(2), _exit(2), getpid(2), gettid(2), execve(2), prctl(2), signal(2), getenv(3), atoi(3)
  fork: ["i32"],
  waitpid: ["i32", "i32", "buffer", "i32"],
  _exit: ["void", "i32"],
  getpid: ["i32"],
  getppid: ["i32"],
  gettid: ["i32"],
  execve: ["i32", "buffer", "buffer", "buffer"],
  prctl: ["i32", "i32", "u64", "buffer", "u64", "u64"],
  signal: ["u64", "i32", "u64"],
  getenv: ["u64", "buffer"],
  atoi: ["i32", "u64"],
  // pthread_attr_init(3), pthread_create(3), pthread_join(3), sem_init(3), sem_post(3), dlsym(3), malloc(3), memcpy(3)
  pthread_attr_init: ["i32", "buffer"],
  pthread_attr_setstacksize: ["i32", "buffer", "u32"],
  pthread_create: ["i32", "buffer", "buffer", "u64", "u64"],
  pthread_join: ["i32", "u64", "buffer"],
  sem_init: ["i32", "u64", "i32", "i32"],
  sem_post: ["i32", "u64"],
  dlsym: ["u64", "u64", "buffer"],
  malloc: ["u64", "u32"],
  memcpy: ["u64", "u64", "buffer", "u32"],
} as const satisfies Record<string, Signature>;

/** glibc before 2.34 has some in files of their own. musl takes all such names for itself. */
const libraryOf = (name: string) =>
  /^(pthread|sem)_/.test(name) ? "libpthread.so.0" : name === "dlsym" ? "libdl.so.2" : "libc.so.6";

if (runtime.os !== "linux") {
  const lesson = runtime.script.replace(/^.*[/\\]/, "");
  console.error(
    `${lesson} makes system calls of Linux, so run it in a container: docker run --rm -it --init ` +
      `-p 127.0.0.1:9696:9696 -v "$PWD":/app -w /app denoland/deno run -A lessons/${lesson} --host 0.0.0.0`,
  );
  // deno-lint-ignore no-process-global
  process.exit(1);
}

/** The C functions by name. A pointer is a typed array or `null`. */
export type Libc = { readonly [K in keyof typeof FUNCTIONS]: CFunction };

/** The functions for what is no part of a lesson's story: `--trace` does not print them. */
export const bare = {} as Libc;
for (const [name, signature] of Object.entries(FUNCTIONS)) {
  const get = () => { // opened when it is first used: that costs as much as a hundred calls
    const value = runtime.dlopen(libraryOf(name), name, signature);
    Object.defineProperty(bare, name, { value });
    return value;
  };
  Object.defineProperty(bare, name, { configurable: true, enumerable: true, get });
}
/** Whether the lesson was started with `--trace`. */
export const tracing: boolean = runtime.args.includes("--trace");
/** The functions for a lesson. With `--trace`, trace.ts puts its own in front of some. */
export const libc: Libc = tracing ? Object.create(bare) : bare;

/**
 * `errno[0]` says why the last call of this thread failed: errno(3). Each thread has its own `int`, whose address never
 * changes. Read it in the next statement: any other call, even one that the runtime makes, may change it.
 */
export const errno: Int32Array = runtime.int32At(bare.__errno_location());

/** The errors that are told apart here: `include/uapi/asm-generic/errno-base.h` and `errno.h`. */
export const Errno = {
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  EFAULT: 14,
  EINVAL: 22,
  EPIPE: 32,
  ENOTSOCK: 88,
  ENOTCONN: 107,
  EINPROGRESS: 115,
} as const;

/** What to do about an error. Of those that are not here, the name says enough. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need more rights, others none: --port",
  EADDRINUSE: "in use: stop the program that has it, or take another with --port (0 takes a free one)",
  EADDRNOTAVAIL: "this machine has no such address: take 127.0.0.1, or 0.0.0.0 for all, with --host",
  EBADF: "this descriptor is not open: it was closed before, or given to a thread",
  EINPROGRESS: "its timeout was over before there was a connection",
  EMFILE: "this process has no descriptor left: ulimit -n",
};

/** The name of an error number: `errorname(11)` is `"EAGAIN"`. They are loaded only now: most runs meet no error. */
export function errorname(errno: number): string {
  // deno-lint-ignore no-process-global no-explicit-any
  const numbers = (process as any).getBuiltinModule("node:os").constants.errno;
  return Object.keys(numbers).find((name) => numbers[name] === errno) ?? `errno ${errno}`;
}

/** A system call that failed, with the `errno` of Python's `OSError` and the `code` of Node.js's errors. */
export class OSError extends Error {
  override name = "OSError";
  /** Why, as a number of errno(3): `98` */
  readonly errno: number;
  /** Its name: `"EADDRINUSE"` */
  readonly code: string;
  /** `call` is such as `"bind"`. */
  constructor(call: string, errno: number, advice?: string) {
    const code = errorname(errno);
    const more = advice ?? ADVICE[code];
    super(`${call}: ${code}${more ? `: ${more}` : ""}`);
    this.errno = errno;
    this.code = code;
  }
}

/** `result`, or throws {@link OSError} if it is -1. Only for calls that seldom fail: errno is read here. */
export function check(call: string, result: number): number {
  if (result === -1) throw new OSError(call, errno[0]);
  return result;
}

/** A wrong value, as a message shows it. */
export const shown = (value: unknown): string =>
  typeof value === "number" ? `${value}` : JSON.stringify(value) ?? typeof value;

/** A string as C wants it: UTF-8 with a NUL behind it. */
export const cstring = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text + "\0");

const TIMEVAL = new Int32Array(4); // two C longs, the low half first: seconds, microseconds
/** Seconds as a struct timeval, rounded up to microseconds. It holds until the next call. RangeError: that is no time. */
export function timeval(seconds: number): Int32Array<ArrayBuffer> {
  const microseconds = typeof seconds === "number" ? Math.ceil(seconds * 1e6) : NaN;
  const valid = microseconds >= 0 && microseconds < 2 ** 31 * 1e6;
  if (!valid) throw new RangeError(`a time is seconds, not ${shown(seconds)}`);
  TIMEVAL[0] = Math.floor(microseconds / 1e6);
  TIMEVAL[2] = microseconds % 1e6;
  return TIMEVAL;
}
