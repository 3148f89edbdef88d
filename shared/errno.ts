/** Error numbers of the system calls: errno(3). */

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

/** What to do about the errors that a changed lesson runs into. Of the others the name says enough. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need more rights, others none: --port",
  EADDRINUSE: "in use: stop the program that has it, or take another with --port (0 takes a free one)",
  EADDRNOTAVAIL: "this machine has no such address: take 127.0.0.1, or 0.0.0.0 for all, with --host",
  EAGAIN: "not now, and a non-blocking socket does not wait",
  EBADF: "this descriptor is not open: it was closed before, or given to a thread",
  EEXIST: "this descriptor is registered already",
  EINPROGRESS: "its timeout was over before there was a connection",
  EMFILE: "this process has no descriptor left: ulimit -n",
  ENOENT: "this descriptor is not registered",
};

/** The name of an error number: `errorname(11)` is `"EAGAIN"`. Loaded only now: most runs meet no error. */
export const errorname = (errno: number): string =>
  // deno-lint-ignore no-process-global no-explicit-any
  (process as any).getBuiltinModule("node:util").getSystemErrorName(-errno) ?? `errno ${errno}`;

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
