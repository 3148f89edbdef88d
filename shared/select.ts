/** select(2): sleep until one of many descriptors has something, and find out by looking at all of them. */
import { Errno, errno, libc, OSError, timeval } from "./libc.ts";
import { descriptor, type Socket } from "./socket.ts";

/** An `fd_set` has this many bits, for descriptors 0 to 1023; a bit past it would be written over other memory. */
export const FD_SETSIZE = 1024;

const WORDS = FD_SETSIZE / 32;
/** Memory for sets: one after the other is cheaper than each by itself. */
let free = new Int32Array(0);

/** A set of descriptors, one bit each: `fd_set`, select(2). */
export class FdSet {
  /** The bits, in the kernel's layout: C's unsigned longs, the low half first. */
  readonly bits: Int32Array<ArrayBuffer>;

  constructor(fds?: Iterable<number | Socket>) {
    if (free.length === 0) free = new Int32Array(512 * WORDS);
    this.bits = free.subarray(0, WORDS);
    free = free.subarray(WORDS);
    if (fds) { for (const fd of fds) this.add(fd); }
  }

  /** FD_SET. RangeError: the descriptor has no bit. */
  add(fd: number | Socket): void {
    fd = descriptor(fd);
    if (!(fd >= 0 && fd < FD_SETSIZE)) throw new RangeError(`descriptor ${fd} does not fit an fd_set`);
    this.bits[fd >> 5] |= 1 << (fd & 31);
  }

  /** FD_CLR */
  delete(fd: number | Socket): void {
    fd = descriptor(fd);
    this.bits[fd >> 5] &= ~(1 << (fd & 31));
  }

  /** FD_ISSET */
  has(fd: number | Socket): boolean {
    fd = descriptor(fd);
    return (this.bits[fd >> 5] & (1 << (fd & 31))) !== 0;
  }
}

/** For sets that were not asked for, or have nothing. */
const NONE = new FdSet();

function copyOf(set: FdSet | null): FdSet | null {
  if (set === null) return null;
  if (!(set instanceof FdSet)) throw new TypeError("select takes null or a set: new FdSet([server])");
  const copy = new FdSet();
  copy.bits.set(set.bits);
  return copy;
}

/**
 * Sleep until a descriptor can be read, or has ended (`readfds`), can be written (`writefds`), or has urgent data
 * (`exceptfds`), and return the ready ones of each set, as Python's `select.select`: select(2). When `timeout` seconds are
 * over (`null`: never) or a signal has come, the sets are empty. EBADF: one of them is closed.
 */
export function select(
  readfds: FdSet | null,
  writefds: FdSet | null,
  exceptfds: FdSet | null,
  timeout: number | null = null,
): readonly [FdSet, FdSet, FdSet] {
  // The kernel writes its answer over the question, so ask with copies.
  const [r, w, x] = [copyOf(readfds), copyOf(writefds), copyOf(exceptfds)];
  const limit = timeout === null ? null : timeval(timeout);
  // nfds: C programs pass the highest descriptor plus one. The kernel skips words without a bit, so it may be more.
  const n = libc.select(FD_SETSIZE, r && r.bits, w && w.bits, x && x.bits, limit);
  const code = n === -1 ? errno[0] : 0;
  if (code === Errno.EINTR) return [NONE, NONE, NONE];
  if (code !== 0) throw new OSError("select", code);
  return [r ?? NONE, w ?? NONE, x ?? NONE];
}
