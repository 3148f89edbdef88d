/**
 * TCP sockets over the system calls, with the names of Python's `socket`
 * module. An error that only says "the client has gone" is not an exception
 * here: it reads as the end of the stream.
 */
import { Errno, errorname, OSError } from "./errno.ts";
import { patience } from "./eventloop.ts";
import { check, errno, open, timeval, traced } from "./libc.ts";
import { warn } from "./stderr.ts";

const libc = traced({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  accept: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});

// include/uapi/linux/in.h, include/uapi/asm-generic/socket.h, include/linux/socket.h
const AF_INET = 2;
const SOCK_STREAM = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const FIONBIO = 0x5421;

/** For {@link Socket.setsockopt}: options of every socket, socket(7). */
export const SOL_SOCKET = 1;
/** Let the port be bound again at once, though connections of an earlier server still linger: socket(7) */
export const SO_REUSEADDR = 2;
/** For {@link Socket.setsockopt}: options of TCP, tcp(7). */
export const IPPROTO_TCP = 6;
/** Send small pieces at once, rather than wait for more to send with them: tcp(7) */
export const TCP_NODELAY = 1;

/** For {@link Socket.shutdown}: "I receive nothing more". Linux still takes what comes, and recv brings it. shutdown(2) */
export const SHUT_RD = 0;
/** "I send nothing more". */
export const SHUT_WR = 1;
/** Both. */
export const SHUT_RDWR = 2;

/** An IPv4 address, such as `"127.0.0.1"`, and a port. */
export type SocketAddress = readonly [host: string, port: number];

/** What a {@link Socket} knows of its descriptor. */
export interface SocketState {
  readonly fd: number;
  readonly timeout: number | null | undefined;
  readonly limited: boolean;
  readonly addr: SocketAddress | undefined;
}

/** The largest `int`: lengths and seconds end there. */
const MAX_INT = 2 ** 31 - 1;
/**
 * Where recv(2) puts the bytes. {@link Socket.recv} returns the part that they fill, and the next call fills what is
 * free behind it: nothing is copied, and what was returned lasts.
 */
const SLAB = 64 * 1024;
let free = new Uint8Array(SLAB);
const NOTHING = new Uint8Array(0);
/** Arguments for calls that take the address of an int, of a struct sockaddr_in. */
const INT = new Int32Array(1);
/** For Atomics.wait, which sleeps for so many milliseconds. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const PEER = new Uint8Array(16);
const PEER_LENGTH = new Int32Array(1);

/** How many calls of fork(2) made this process out of the one that was started. */
let forks = 0;
let beforeCall: (() => void) | undefined;
/**
 * In a child: what its parent accepts from is the parent's alone from now on, and `goesOn` is called before recv and
 * send, which may sleep. For process.ts.
 */
export function forked(goesOn: () => void): void {
  forks++;
  beforeCall = goesOn;
}

/** A descriptor that is a TCP socket over IPv4. Two `Socket`s may share one descriptor. */
export class Socket {
  #fd: number;
  /** Seconds, 0: non-blocking, `null`: no limit, `undefined`: another `Socket` may have set it. */
  #timeout: number | null | undefined;
  /** SO_RCVTIMEO may be set, or have been: what is accepted then has it from the moment that it came. */
  #limited = true;
  /** The process that accepts from it, told by its {@link forks}. */
  #acceptor: number | undefined;
  /** Who is at the other end of an accepted connection: the `addr` of Python's `conn, addr = server.accept()`. */
  readonly addr: SocketAddress | undefined;

  /**
   * A new socket, or one over a descriptor that is open already (threads share descriptors). Two Sockets over one
   * descriptor do not know of each other: set a timeout through one of them only, and close one of them only.
   */
  constructor(fileno?: number | SocketState, addr?: SocketAddress) {
    this.addr = addr;
    if (fileno === undefined) {
      this.#fd = check("socket", libc.socket(AF_INET, SOCK_STREAM, 0));
      this.#timeout = null;
      this.#limited = false;
    } else if (typeof fileno === "object") {
      this.#fd = fileno.fd;
      this.#timeout = fileno.timeout;
      this.#limited = fileno.limited;
      this.addr = fileno.addr;
    } else {
      this.#fd = descriptor(fileno);
    }
  }

  /** What the Socket of another thread over the same descriptor has to know. */
  state(): SocketState {
    return { fd: this.#fd, timeout: this.#timeout, limited: this.#limited, addr: this.addr };
  }

  /** The descriptor: the small number by which the kernel knows the socket in this process. -1: it is closed. */
  fileno(): number {
    return this.#fd;
  }

  /** Set an option that takes an int, such as {@link TCP_NODELAY}: setsockopt(2) */
  setsockopt(level: number, optname: number, value: number): void {
    INT[0] = integer(value);
    check("setsockopt", libc.setsockopt(this.#fd, integer(level), integer(optname), INT, 4));
  }

  /** Take an address; port 0 takes a free one. EADDRINUSE, EADDRNOTAVAIL, EACCES: bind(2) */
  bind(host: string, port: number): void {
    check("bind", libc.bind(this.#fd, sockaddr(host, port), 16));
  }

  /** From now on the kernel takes connections, `backlog` of them, and one more, before they are accepted: listen(2) */
  listen(backlog: number): void {
    check("listen", libc.listen(this.#fd, integer(backlog)));
  }

  /** The address that this socket is bound to: getsockname(2) */
  getsockname(): SocketAddress {
    const address = new Uint8Array(16);
    const { getsockname } = open({
      getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    });
    check("getsockname", getsockname(this.#fd, address, Int32Array.of(address.length)));
    return socketAddress(address);
  }

  /** Connect to a server. On a non-blocking socket it goes on in the background: connect(2) */
  connect(host: string, port: number): void {
    const result = libc.connect(this.#fd, sockaddr(host, port), 16);
    if (result === 0) return;
    const code = errno[0]; // EINPROGRESS on a blocking socket: its timeout is over
    if (code !== Errno.EINPROGRESS || this.#timeout !== 0) throw new OSError("connect", code);
  }

  /**
   * Take the next connection: accept(2). A blocking socket sleeps until there is one. `null`: nobody is there (the
   * socket is non-blocking, or its timeout is over), or, with a timeout, a signal came, so that its handler can have its
   * turn. (Without one the kernel goes back to sleep: SA_RESTART, signal(7).)
   */
  accept(): Socket | null {
    if ((this.#acceptor ??= forks) !== forks) {
      throw new Error("accept: a child has come into its parent's loop; exit(0) ends it before that");
    }
    if (this.#timeout !== undefined) {
      const limit = patience(this.#timeout);
      if (limit !== this.#timeout) this.settimeout(limit);
    }
    for (;;) {
      PEER_LENGTH[0] = PEER.length;
      const fd = libc.accept(this.#fd, PEER, PEER_LENGTH);
      if (fd >= 0) {
        const conn = new Socket(fd, socketAddress(PEER));
        conn.#timeout = null; // on Linux it does not inherit O_NONBLOCK
        if (this.#limited) conn.settimeout(null); // but SO_RCVTIMEO, which Python's does not
        conn.#limited = false;
        return conn;
      }
      const code = errno[0];
      switch (code) {
        case Errno.ECONNABORTED: // it has gone from the queue; one that was only reset Linux hands out, and recv tells
          continue;
        case Errno.EAGAIN:
        case Errno.EINTR:
        case Errno.EPERM: // a firewall forbids this one
        // Errors of the network that accept(2) passes on, and wants treated like EAGAIN:
        case Errno.ENETDOWN:
        case Errno.EPROTO:
        case Errno.ENOPROTOOPT:
        case Errno.EHOSTDOWN:
        case Errno.ENONET:
        case Errno.EHOSTUNREACH:
        case Errno.EOPNOTSUPP:
        case Errno.ENETUNREACH:
          return null;
        case Errno.EMFILE:
        case Errno.ENFILE:
        case Errno.ENOBUFS:
        case Errno.ENOMEM:
          // accept takes the descriptor first, so the next try would fail at once, whether
          // somebody waits or not: without the pause a server out of descriptors only spins.
          warn(`accept: ${errorname(code)}: out of descriptors or memory, new clients wait`);
          Atomics.wait(PAUSE, 0, 0, 50);
          return null;
        default:
          throw new OSError("accept", code);
      }
    }
  }

  /**
   * Receive what is there, at most `bufsize` bytes: recv(2). None at all: the client
   * has closed or reset the connection (or `bufsize` is 0). `null`: nothing is there yet (the
   * socket is non-blocking, or its timeout is over).
   */
  recv(bufsize: number): Uint8Array<ArrayBuffer> | null {
    if (!(bufsize <= free.length && bufsize > 0 && Number.isInteger(bufsize))) reserve(bufsize);
    beforeCall?.();
    for (;;) {
      const n = libc.recv(this.#fd, free, bufsize, 0);
      if (n > 0) {
        const data = free.subarray(0, n);
        free = free.subarray(n);
        return data;
      }
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
   * did: send(2). A blocking socket sleeps until all do. 0: nothing fits now, or the client has gone; the next
   * `recv` tells which.
   */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    return Math.max(this.#send(bytes), 0);
  }

  /**
   * Send all of the bytes, as Python's `sendall`. False: the client has gone, or the timeout is over. A non-blocking
   * socket cannot wait until all of them fit: OSError EAGAIN.
   */
  sendall(bytes: Uint8Array<ArrayBuffer>): boolean {
    for (let rest = bytes; rest.length > 0;) {
      const n = this.#send(rest);
      if (n === -Errno.EAGAIN && !this.#timeout) throw new OSError("sendall", Errno.EAGAIN);
      if (n < 0) return false;
      rest = rest.subarray(n);
    }
    return true;
  }

  /** How many bytes were sent, or the error, negative. */
  #send(bytes: Uint8Array<ArrayBuffer>): number {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`send takes bytes: new TextEncoder().encode(…) makes them of a string`);
    }
    beforeCall?.();
    for (;;) {
      const n = libc.send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL);
      if (n >= 0) return n;
      const code = errno[0];
      if (code === Errno.EINTR) continue;
      throwIfMisused("send", code);
      return -code;
    }
  }

  /** Say that nothing more comes from this side; what was sent is still delivered: shutdown(2) */
  shutdown(how: number): void {
    if (libc.shutdown(this.#fd, integer(how)) === -1) throwIfMisused("shutdown", errno[0]); // ENOTCONN: the client was faster
  }

  /** `false`: accept and recv no longer sleep, they answer `null` when nothing is there. `settimeout(0)` is the same. */
  setblocking(flag: boolean): void {
    this.settimeout(flag ? null : 0);
  }

  /**
   * From now on accept, recv and send give up after `seconds`, fractions of them too; `null`: never; 0: at once, the
   * socket is non-blocking. In recv and send a signal begins the time anew. An accepted socket begins without a limit. ioctl(2), FIONBIO; SO_RCVTIMEO, socket(7)
   */
  settimeout(seconds: number | null): void {
    if (seconds !== null && !(Number.isFinite(seconds) && seconds >= 0 && seconds <= MAX_INT)) {
      throw new RangeError(`settimeout takes seconds, 0 or null, not ${seconds}`);
    }
    if (seconds === 0 || this.#timeout === 0 || this.#timeout === undefined) {
      INT[0] = seconds === 0 ? 1 : 0;
      check("ioctl", libc.ioctl(this.#fd, FIONBIO, INT));
    }
    if (seconds !== 0) {
      const limit = timeval(seconds ?? 0); // zero means "never" to the kernel
      check("setsockopt", libc.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, limit, 16));
      check("setsockopt", libc.setsockopt(this.#fd, SOL_SOCKET, SO_SNDTIMEO, limit, 16));
    }
    if (seconds) this.#limited = true;
    this.#timeout = seconds;
  }

  /** Give the descriptor back. The connection ends when its last descriptor is closed: close(2) */
  close(): void {
    if (this.#fd === -1) return; // by now the number may be another's
    libc.close(this.#fd);
    this.#fd = -1;
  }
}

/** `value`, if it can be a descriptor: foreign functions would take anything else for 0. */
export function descriptor(value: number | Socket): number {
  const fd = value instanceof Socket ? value.fileno() : value;
  if (!Number.isInteger(fd) || fd > MAX_INT) {
    throw new TypeError(`a descriptor is a whole number, as fileno() gives it, not ${fd}`);
  }
  return fd;
}

function integer(value: number): number {
  if (!Number.isInteger(value)) throw new TypeError(`this takes a whole number, not ${value}`);
  return value;
}

/** Make room for a recv, if `bufsize` is a length at all. */
function reserve(bufsize: number): void {
  if (!(Number.isInteger(bufsize) && bufsize > 0 && bufsize <= MAX_INT)) {
    throw new RangeError(`recv takes a number of bytes, 1 or more, not ${bufsize}`);
  }
  if (bufsize > free.length) free = new Uint8Array(Math.max(bufsize, SLAB));
}

/** EBADF and its like are faults in the program, all other errors of a connection mean that the client has gone. */
function throwIfMisused(call: string, code: number): void {
  const { EBADF, EFAULT, EINVAL, ENOTCONN, ENOTSOCK } = Errno;
  const unconnected = call === "recv" && code === ENOTCONN; // after a reset it is ECONNRESET
  if (unconnected || code === EBADF || code === EFAULT || code === EINVAL || code === ENOTSOCK) {
    throw new OSError(call, code);
  }
}

/** struct sockaddr_in: ip(7). Port and address stand in network byte order. */
function sockaddr(host: string, port: number): Uint8Array<ArrayBuffer> {
  const octets = host.split(".").map(Number);
  if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) {
    throw new TypeError(`this takes an IPv4 address such as "127.0.0.1", not ${JSON.stringify(host)}`);
  }
  if (!(integer(port) >= 0 && port <= 65535)) throw new RangeError(`a port is 0 to 65535, not ${port}`);
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...octets, 0, 0, 0, 0, 0, 0, 0, 0);
}

function socketAddress(address: Uint8Array): SocketAddress {
  return [`${address[4]}.${address[5]}.${address[6]}.${address[7]}`, address[2] << 8 | address[3]];
}
