/** select(2): sleep until one of many descriptors has something, and find out by looking at all of them. */
import { Errno, OSError } from "./errno.ts";
import { errno, libc } from "./libc.ts";

/** An `fd_set` has this many bits, for descriptors 0 to 1023; a bit past it would be written over other memory. */
export const FD_SETSIZE = 1024;

/** A set of descriptors, one bit each: `fd_set`, select(2). */
export class FdSet {
  /** The bits, in the kernel's layout (little-endian words). */
  readonly bits: Int32Array<ArrayBuffer> = new Int32Array(FD_SETSIZE / 32);

  /** FD_SET. Throws RangeError for a descriptor that has no bit. */
  add(fd: number): void {
    if (!(fd >= 0 && fd < FD_SETSIZE)) throw new RangeError(`descriptor ${fd} does not fit an fd_set`);
    this.bits[fd >> 5] |= 1 << (fd & 31);
  }

  /** FD_CLR */
  delete(fd: number): void {
    this.bits[fd >> 5] &= ~(1 << (fd & 31));
  }

  /** FD_ISSET */
  has(fd: number): boolean {
    return (this.bits[fd >> 5] & (1 << (fd & 31))) !== 0;
  }
}

/** One for the life of the thread: {@link select} returns it. */
const ready = new FdSet();

/**
 * Sleep until at least one descriptor of `watched` can be read without waiting
 * (or has ended), and return those that can: select(2). The result is valid
 * until the next call.
 */
export function select(watched: FdSet): FdSet {
  for (;;) {
    ready.bits.set(watched.bits); // the kernel writes its answer over the question
    const n = libc.select(FD_SETSIZE, ready.bits, null, null, null);
    if (n >= 0) return ready;
    const code = errno[0];
    if (code !== Errno.EINTR) throw new OSError("select", code);
  }
}
