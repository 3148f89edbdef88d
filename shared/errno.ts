/** Error numbers of the system calls: errno(3). */

/** The errors that a lesson meets: `include/uapi/asm-generic/errno-base.h` and `errno.h`. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  ENONET: 64,
  EPROTO: 71,
  ENOTSOCK: 88,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

/** What the errors mean that a changed lesson runs into. Of the others the name says enough. */
const MEANINGS: Readonly<Record<number, string>> = {
  [Errno.EACCES]: "ports below 1024 need more rights, others none: --port",
  [Errno.EADDRINUSE]:
    "in use: stop the program that has it, or take another with --port (0 takes a free one)",
  [Errno.EADDRNOTAVAIL]: "this machine has no such address: take 127.0.0.1, or 0.0.0.0 for all, with --host",
  [Errno.EAGAIN]: "not now, and a non-blocking socket does not wait",
  [Errno.EBADF]: "this descriptor is not open: it was closed before, or given to a thread",
  [Errno.ECONNREFUSED]: "nobody listens there",
  [Errno.EEXIST]: "this descriptor is registered already",
  [Errno.EINPROGRESS]: "its timeout was over before there was a connection",
  [Errno.EINVAL]: "an argument is wrong, or the call does not fit what was done before",
  [Errno.EMFILE]: "this process has no descriptor left: ulimit -n",
  [Errno.ENOENT]: "this descriptor is not registered",
  [Errno.ENOTCONN]: "this socket is not connected",
  [Errno.ENOTSOCK]: "this descriptor is no socket",
};

/** The name of an error number: `errorname(11)` is `"EAGAIN"`. */
export const errorname = (code: number): string =>
  Object.entries(Errno).find(([, number]) => number === code)?.[0] ?? `errno ${code}`;

/** A system call that failed, like Python's `OSError`. */
export class OSError extends Error {
  override name = "OSError";
  /** Why: one of {@link Errno}, or another number of errno(3). */
  readonly code: number;
  /** `call` is such as `"bind"`. */
  constructor(call: string, code: number, meaning: string | undefined = MEANINGS[code]) {
    super(`${call}: ${errorname(code)}${meaning ? `: ${meaning}` : ""}`);
    this.code = code;
  }
}
