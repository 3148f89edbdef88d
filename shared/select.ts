/** select(2): sleep until one of many descriptors has something, and find out by looking at all of them. */
import { Errno, OSError } from "./errno.ts";
import { errno, libc, timeval } from "./libc.ts";
import { descriptor, type Socket } from "./socket.ts";

/** An `fd_set` has this many bits, for descriptors 0 to 1023; a bit past it would be written over other memory. */
export const FD_SETSIZE = 1024;

/** A set of descriptors, one bit each: `fd_set`, select(2). */
export class FdSet {
  /** The bits, in the kernel's layout: C's unsigned longs, the low half first. */
  readonly bits: Int32Array<ArrayBuffer> = new Int32Array(FD_SETSIZE / 32);

  constructor(fds: Iterable<number | Socket> = []) {
    for (const fd of fds) this.add(fd);
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

/**
 * Sleep until something can be done with a descriptor without waiting, and return those of each set of which
 * that is true, as Python's `select.select`: select(2). `readfds`: it can be read, or has ended; `writefds`: it can be
 * written; `exceptfds`: urgent data have come. Or until `timeout` seconds are over (`null`: never) or a
 * signal has come: then the sets are empty. EBADF: one of them is closed
 * (The kernel ignores one beyond its table, and leaves its bit set: FDSize in /proc/PID/status.).
 */
export function select(
  readfds: FdSet | null,
  writefds: FdSet | null,
  exceptfds: FdSet | null,
  timeout: number | null = null,
): readonly [FdSet, FdSet, FdSet] {
  if ([readfds, writefds, exceptfds].some((set) => set !== null && !(set instanceof FdSet))) {
    throw new TypeError("select takes an FdSet, such as new FdSet([server]), or null, three times");
  }
  // The kernel writes its answer over the question, so ask with copies.
  const asked = [readfds, writefds, exceptfds];
  const [r, w, x] = asked.map((set) => {
    const copy = new FdSet();
    if (set) copy.bits.set(set.bits);
    return copy;
  });
  const [rbits, wbits, xbits] = [r, w, x].map(({ bits }, i) => asked[i] && bits);
  // nfds: C programs pass the highest descriptor plus one. The kernel skips words without a bit, so it may be more.
  const n = libc.select(FD_SETSIZE, rbits, wbits, xbits, timeout === null ? null : timeval(timeout));
  const code = n === -1 ? errno[0] : 0;
  if (code === Errno.EINTR) return [new FdSet(), new FdSet(), new FdSet()];
  if (code !== 0) throw new OSError("select", code);
  return [r, w, x];
}
