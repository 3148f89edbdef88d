/**
 * TCP sockets over the system calls, with the names of Python's `socket`
 * module. An error that only says "the client has gone" is not an exception
 * here: it reads as the end of the stream.
 */
import { Errno, errorname, OSError } from "./errno.ts";
import { check, errno, libc, warn } from "./libc.ts";

// include/uapi/linux/in.h, include/uapi/asm-generic/socket.h, include/linux/socket.h
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVTIMEO = 20;
const MSG_NOSIGNAL = 0x4000;
const FIONBIO = 0x5421n;

/** For {@link Socket.shutdown}: "I send nothing more". shutdown(2) */
export const SHUT_WR = 1;

/** One for the life of the thread: {@link Socket.recv} returns views into it. */
const received = new Uint8Array(65536);
const NOTHING = received.subarray(0, 0);
/** Arguments for calls that take the address of an int, or of a struct timeval (two 64-bit numbers). */
const ZERO = Int32Array.of(0);
const ONE = Int32Array.of(1);
const TIMEVAL = new Int32Array(4);

/** A descriptor that is a TCP socket over IPv4. Two `Socket`s may share one descriptor. */
export class Socket {
  readonly #fd: number;

  /** A new socket, or one over a descriptor that is open already (threads share descriptors). */
  constructor(fileno: number = check("socket", libc.socket(AF_INET, SOCK_STREAM, 0))) {
    this.#fd = fileno;
  }

  /** The descriptor: the small number by which the kernel knows the socket in this process. */
  fileno(): number {
    return this.#fd;
  }

  /** Let the port be bound again at once, though connections of an earlier server still linger: socket(7). */
  reuseaddr(): void {
    check("setsockopt", libc.setsockopt(this.#fd, SOL_SOCKET, SO_REUSEADDR, ONE, 4));
  }

  /** Take an address; port 0 takes a free one. EADDRINUSE, EADDRNOTAVAIL, EACCES: bind(2) */
  bind(host: string, port: number): void {
    check("bind", libc.bind(this.#fd, sockaddr(host, port), 16));
  }

  /** From now on the kernel takes connections, `backlog` of them before they are accepted: listen(2) */
  listen(backlog: number): void {
    check("listen", libc.listen(this.#fd, backlog));
  }

  /** The port that this socket is bound to: getsockname(2) */
  port(): number {
    const address = sockaddr("0.0.0.0", 0);
    check("getsockname", libc.getsockname(this.#fd, address, Int32Array.of(16)));
    return address[2] << 8 | address[3];
  }

  /** Connect to a server. On a non-blocking socket it goes on in the background: connect(2) */
  connect(host: string, port: number): void {
    const result = libc.connect(this.#fd, sockaddr(host, port), 16);
    if (result === -1 && errno[0] !== Errno.EINPROGRESS) throw new OSError("connect", errno[0]);
  }

  /**
   * Take the next connection: accept(2). A blocking socket sleeps until there
   * is one; a non-blocking one answers `null` when there is none.
   */
  accept(): Socket | null {
    for (;;) {
      const fd = libc.accept(this.#fd, null, null);
      if (fd >= 0) return new Socket(fd);
      const code = errno[0];
      switch (code) {
        case Errno.EAGAIN:
          return null;
        case Errno.EINTR:
        case Errno.ECONNABORTED: // it was reset before we came to it
          continue;
        case Errno.EMFILE:
        case Errno.ENFILE:
        case Errno.ENOBUFS:
        case Errno.ENOMEM:
          // The connection stays in the queue, so the next try would fail at
          // once: without the pause a server out of descriptors only spins.
          warn(`accept: ${errorname(code)}: out of descriptors or memory, new clients wait`);
          libc.usleep(50_000);
          return null;
        default:
          throw new OSError("accept", code);
      }
    }
  }

  /**
   * Receive what is there, at most `bufsize` bytes (up to 65,536): recv(2). The
   * bytes stay valid until this thread's next `recv`. None at all: the client
   * has closed or reset the connection. `null`: nothing is there yet (the
   * socket is non-blocking, or its timeout is over).
   */
  recv(bufsize: number): Uint8Array<ArrayBuffer> | null {
    for (;;) {
      const n = libc.recv(this.#fd, received, bufsize, 0);
      if (n > 0) return received.subarray(0, n);
      if (n === 0) return NOTHING;
      const code = errno[0];
      if (code === Errno.EAGAIN) return null;
      if (code === Errno.EINTR) continue;
      throwIfMisused("recv", code);
      return NOTHING;
    }
  }

  /**
   * Send as many of the bytes as fit into the kernel's buffer, and say how many
   * did: send(2). 0: nothing fits now, or the client has gone; the next `recv`
   * tells which.
   */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    for (;;) {
      const n = libc.send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL);
      if (n >= 0) return n;
      const code = errno[0];
      if (code === Errno.EINTR) continue;
      throwIfMisused("send", code);
      return 0;
    }
  }

  /** Say that nothing more comes from this side; what was sent is still delivered: shutdown(2) */
  shutdown(how: typeof SHUT_WR): void {
    libc.shutdown(this.#fd, how); // ENOTCONN: the client was faster
  }

  /** `false`: accept and recv no longer sleep, they answer `null` when nothing is there: ioctl(2), FIONBIO */
  setblocking(flag: boolean): void {
    check("ioctl", libc.ioctl(this.#fd, FIONBIO, flag ? ZERO : ONE));
  }

  /**
   * From now on a blocking accept or recv gives up (`null`) after `seconds`; 0
   * means never. Accepted sockets inherit it. SO_RCVTIMEO, socket(7)
   */
  settimeout(seconds: number): void {
    TIMEVAL[0] = seconds;
    check("setsockopt", libc.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, TIMEVAL, 16));
  }

  /** Give the descriptor back. The connection ends when its last descriptor is closed: close(2) */
  close(): void {
    libc.close(this.#fd);
  }
}

/** EBADF and its like are faults in the program, all other errors of a connection mean that the client has gone. */
function throwIfMisused(call: string, code: number): void {
  const { EBADF, EFAULT, EINVAL, ENOTSOCK } = Errno;
  if (code === EBADF || code === EFAULT || code === EINVAL || code === ENOTSOCK) {
    throw new OSError(call, code);
  }
}

/** struct sockaddr_in: ip(7). Port and address stand in network byte order. */
function sockaddr(host: string, port: number): Uint8Array<ArrayBuffer> {
  const family = new Uint8Array(Uint16Array.of(AF_INET).buffer);
  return Uint8Array.of(
    ...family,
    port >> 8,
    port & 0xff,
    ...host.split(".").map(Number),
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  );
}
