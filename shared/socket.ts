/**
 * TCP sockets over the system calls, with the names of Python's `socket`
 * module. An error that only says "the client has gone" is not an exception
 * here: it reads as the end of the stream.
 */
import { Errno, errorname, OSError } from "./errno.ts";
import { bare, check, errno, libc, timeval } from "./libc.ts";
import { warn } from "./stdio.ts";

// include/uapi/linux/in.h, include/linux/net.h, include/linux/socket.h, include/uapi/asm-generic/ioctls.h
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000; // a program that this one starts does not get the descriptor: open(2), O_CLOEXEC
const MSG_NOSIGNAL = 0x4000;
const FIONBIO = 0x5421;

// For Socket.setsockopt: include/uapi/asm-generic/socket.h, include/uapi/linux/tcp.h
/** Options of every socket, which socket(7) explains. */
export const SOL_SOCKET = 1;
/** Let the port be bound again at once, though connections of an earlier server still linger. */
export const SO_REUSEADDR = 2;
/** Find out whether a silent peer is still there. */
export const SO_KEEPALIVE = 9;
/** What close(2) does with bytes unsent: a struct linger; `Int32Array.of(1, 0)` resets the connection. */
export const SO_LINGER = 13;
/** Let several sockets bind the same port; the kernel deals connections out to them. */
export const SO_REUSEPORT = 15;
/** The limit of accept(2) and recv(2), and that of send(2) and connect(2): a struct timeval. */
export const SO_RCVTIMEO = 20, SO_SNDTIMEO = 21;
const SO_ACCEPTCONN = 30; // is it a listening socket?
/** Options of TCP, which tcp(7) explains. */
export const IPPROTO_TCP = 6;
/** Send small pieces at once, rather than wait for more to send with them. */
export const TCP_NODELAY = 1;

/**
 * For {@link Socket.shutdown}: "I receive nothing more" (Linux still takes what comes, and recv brings it), "I send
 * nothing more", and both: shutdown(2)
 */
export const SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2;

/** An IPv4 address, such as `"127.0.0.1"`, and a port. */
export type SocketAddress = readonly [host: string, port: number];

/** What a {@link Socket} knows of its descriptor. */
export interface SocketState {
  readonly fd: number;
  /** Seconds, 0: non-blocking, `null`: no limit, `undefined`: not known. */
  readonly timeout: number | null | undefined;
  readonly listening: boolean;
  readonly addr?: SocketAddress;
}

/**
 * Where recv(2) puts the bytes. {@link Socket.recv} returns the part that they fill, and the next call fills what is
 * free behind it: nothing is copied, and what was returned lasts.
 */
const SLAB = 64 * 1024;
let free = new Uint8Array(SLAB);
const NOTHING = new Uint8Array(0);
/** Arguments for calls that take the address of an int, of a struct sockaddr_in. */
const INT = new Int32Array(1);
const PEER = new Uint8Array(16);
/** For Atomics.wait, which sleeps for so many milliseconds. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

const { EAGAIN, EBADF, EFAULT, EHOSTDOWN, EHOSTUNREACH, EINTR, EINVAL, EMFILE, ENETDOWN, ENETUNREACH } =
  Errno;
const { ENFILE, ENOBUFS, ENOMEM, ENONET, ENOPROTOOPT, ENOTCONN, ENOTSOCK, EOPNOTSUPP, EPERM, EPROTO } = Errno;
/** Nobody is there, or an error of the network that accept(2) passes on, and wants treated so. EPERM: a firewall's. */
const NOBODY = new Set<number>([
  ...[EAGAIN, EINTR, EPERM, EPROTO, ENOPROTOOPT, EOPNOTSUPP],
  ...[ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET],
]);
const EXHAUSTED = new Set<number>([EMFILE, ENFILE, ENOBUFS, ENOMEM]);
/** Faults in the program. All other errors of a connection mean that the client has gone. */
const MISUSE = new Set<number>([EBADF, EFAULT, EINVAL, ENOTSOCK]);

/** The sockets that this thread has made, accepted or been given, and not closed. */
export const unclosed: Set<Socket> = new Set();

/** A descriptor that is a TCP socket over IPv4. */
export class Socket {
  #fd: number;
  #timeout: SocketState["timeout"];
  #listening: boolean;
  /** Whose it is instead, after {@link Socket.handOver}. */
  #owner: string | undefined;
  /** Who is at the other end of an accepted connection: the `addr` of Python's `conn, addr = server.accept()`. */
  readonly addr: SocketAddress | undefined;
  /** Structured clone refuses a function. So a Socket inside another value can't arrive in a thread as a mere husk. */
  readonly cloneable = no;

  /**
   * A new socket, or one over a descriptor that is open already. Two Sockets over one descriptor do not know of each
   * other: set a timeout through one of them only, and close one of them only. EMFILE, ENFILE, ENOMEM: socket(2)
   */
  constructor(fileno?: number | SocketState) {
    const state = typeof fileno === "object" ? fileno : fileno === undefined ? made() : found(fileno);
    this.#fd = state.fd;
    this.#timeout = state.timeout;
    this.#listening = state.listening;
    this.addr = state.addr;
    unclosed.add(this);
  }

  /** The descriptor: the small number by which the kernel knows the socket in this process. -1: it is closed. */
  fileno(): number {
    return this.#fd;
  }

  /** Set an option to an int, such as {@link TCP_NODELAY} to 1, or to the bytes of a C struct: setsockopt(2) */
  setsockopt(level: number, optname: number, value: number | Int32Array<ArrayBuffer>): void {
    if (typeof value === "number") INT[0] = integer(value);
    const [data, length] = typeof value === "number" ? [INT, 4] : [value, value.byteLength];
    this.#check("setsockopt", libc.setsockopt(this.#fd, integer(level), integer(optname), data, length));
  }

  /** Take an address; port 0 takes a free one. EADDRINUSE, EADDRNOTAVAIL, EACCES: bind(2) */
  bind(address: SocketAddress): void {
    this.#check("bind", libc.bind(this.#fd, sockaddr(address), 16));
  }

  /** From now on the kernel takes connections, `backlog` of them, and one more, before they are accepted: listen(2) */
  listen(backlog: number): void {
    this.#check("listen", libc.listen(this.#fd, integer(backlog)));
    this.#listening = true;
  }

  /** The address that this socket is bound to: getsockname(2) */
  getsockname(): SocketAddress {
    const address = new Uint8Array(16);
    this.#check("getsockname", bare.getsockname(this.#fd, address, Int32Array.of(address.length)));
    return socketAddress(address);
  }

  /**
   * Connect to a server. On a non-blocking socket it goes on in the background. ECONNREFUSED, ETIMEDOUT; EINPROGRESS,
   * when the socket's timeout is over: connect(2)
   */
  connect(address: SocketAddress): void {
    const result = libc.connect(this.#fd, sockaddr(address), 16);
    if (result === -1 && !(errno[0] === Errno.EINPROGRESS && this.#timeout === 0)) {
      this.#check("connect", result);
    }
  }

  /**
   * Take the next connection: accept(2). A blocking socket sleeps until there is one. `null`: nobody is there (the
   * socket is non-blocking, or its timeout is over), or, with a timeout, a signal came, so that its handler can have its
   * turn. (Without one the kernel goes back to sleep: SA_RESTART, signal(7).)
   */
  accept(): Socket | null {
    for (;;) {
      INT[0] = PEER.length;
      const fd = libc.accept4(this.#fd, PEER, INT, SOCK_CLOEXEC);
      if (fd >= 0) {
        // Linux hands SO_RCVTIMEO on to it, but not O_NONBLOCK. Python hands on neither.
        const timeout = this.#timeout === 0 ? null : this.#timeout;
        const conn = new Socket({ fd, timeout, listening: false, addr: socketAddress(PEER) });
        if (timeout !== null) conn.settimeout(null);
        return conn;
      }
      const code = errno[0];
      if (code === Errno.ECONNABORTED) continue; // it has left the queue; a reset one stays there, and recv tells
      if (NOBODY.has(code)) return null;
      if (!EXHAUSTED.has(code)) this.#fail("accept", code);
      // accept takes the descriptor first, so the next try would fail at once, whether
      // somebody waits or not: without the pause a server out of descriptors only spins.
      warn(`accept: ${errorname(code)}: out of descriptors or memory, new clients wait`);
      Atomics.wait(PAUSE, 0, 0, 50);
      return null;
    }
  }

  /**
   * Receive what is there, at most `bufsize` bytes: recv(2). None at all: the client
   * has closed or reset the connection. `null`: nothing is there yet (the
   * socket is non-blocking, or its timeout is over). RangeError: `bufsize` is no length.
   */
  recv(bufsize: number): Uint8Array<ArrayBuffer> | null {
    if (integer(bufsize) < 1) throw new RangeError(`recv takes a number of bytes, 1 or more, not ${bufsize}`);
    if (bufsize > free.length) free = new Uint8Array(Math.max(bufsize, SLAB));
    for (;;) {
      const n = libc.recv(this.#fd, free, bufsize, 0);
      if (n > 0) {
        const data = free.subarray(0, n);
        free = free.subarray(n);
        return data;
      }
      if (n === 0) return NOTHING;
      const code = errno[0];
      if (code === EAGAIN) return null;
      if (code === EINTR) continue;
      if (MISUSE.has(code) || code === ENOTCONN) this.#fail("recv", code); // ENOTCONN: it never was; not after a reset
      return NOTHING;
    }
  }

  /**
   * Send as many of the bytes as fit into the kernel's buffer, and say how many did: send(2). A blocking socket sleeps
   * until all do or its timeout is over. 0: nothing fits now, or the client has gone; the next `recv` tells which.
   * TypeError: they are no bytes.
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
      if (n === -EAGAIN && !this.#timeout) this.#fail("sendall", EAGAIN);
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
    for (;;) {
      const n = libc.send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL);
      if (n >= 0) return n;
      const code = errno[0];
      if (code === EINTR) continue;
      if (MISUSE.has(code)) this.#fail("send", code);
      return -code;
    }
  }

  /** Say that nothing more comes from this side; what was sent is still delivered: shutdown(2) */
  shutdown(how: number): void {
    const result = libc.shutdown(this.#fd, integer(how));
    if (result === -1 && MISUSE.has(errno[0])) this.#fail("shutdown", errno[0]); // ENOTCONN: the client was faster
  }

  /** `false`: accept and recv no longer sleep, they answer `null` when nothing is there. `settimeout(0)` is the same. */
  setblocking(flag: boolean): void {
    this.settimeout(flag ? null : 0);
  }

  /**
   * From now on accept, recv and send give up after `seconds`, fractions of them too; `null`: never; 0: at once, the
   * socket is non-blocking. In recv and send a signal begins the time anew. An accepted socket begins without a limit.
   * RangeError: that is no time. ioctl(2), FIONBIO; SO_RCVTIMEO, socket(7)
   */
  settimeout(seconds: number | null): void {
    if (seconds !== null && !(seconds >= 0 && seconds < 2 ** 31)) {
      throw new RangeError(`settimeout takes seconds, 0 or null, not ${JSON.stringify(seconds)}`);
    }
    const before = this.#timeout;
    if (seconds === 0 || before === 0 || before === undefined) {
      INT[0] = seconds === 0 ? 1 : 0;
      this.#check("ioctl", libc.ioctl(this.#fd, FIONBIO, INT));
    }
    if (seconds || before || before === undefined) {
      const limit = timeval(seconds ?? 0); // zero means "never" to the kernel
      this.setsockopt(SOL_SOCKET, SO_RCVTIMEO, limit);
      this.setsockopt(SOL_SOCKET, SO_SNDTIMEO, limit);
    }
    this.#timeout = seconds;
  }

  /** Give the descriptor back. The connection ends when its last descriptor is closed: close(2) */
  close(): void {
    if (this.#owner) this.#fail("close", EBADF);
    if (this.#fd === -1) return; // by now the number may be another's
    libc.close(this.#fd);
    this.#fd = -1;
    unclosed.delete(this);
  }

  /**
   * What a Socket of `owner`, another thread, is made of. From now on a connection is that one's alone, and this Socket
   * good for nothing; a listening socket both have. For thread.ts
   */
  handOver(owner: string): SocketState {
    const state = { fd: this.#fd, timeout: this.#timeout, listening: this.#listening, addr: this.addr };
    if (this.#owner) this.#fail("args", EBADF);
    if (this.#listening) return state;
    this.#fd = -1;
    this.#owner = owner;
    unclosed.delete(this);
    return state;
  }

  /**
   * Close what a thread or a forked child leaves open when it ends; how many connections that were. A listening
   * socket stays open, since others may accept from it. For thread.ts and process.ts
   */
  static closeAll(): number {
    const connections = [...unclosed].filter((socket) => !socket.#listening);
    for (const conn of connections) conn.close();
    return connections.length;
  }

  #check(call: string, result: number): void {
    if (result === -1) this.#fail(call, errno[0]);
  }

  #fail(call: string, code: number): never {
    const whose = this.#owner &&
      `this connection belongs to ${this.#owner}, which closes it: threads share one ` +
        "descriptor (a forked child has a copy, so there the parent closes its own)";
    throw new OSError(call, code, whose);
  }
}

function no() {}

function made(): SocketState {
  const fd = check("socket", libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return { fd, timeout: null, listening: false };
}

function found(fileno: number): SocketState {
  const fd = descriptor(fileno);
  check("getsockopt", bare.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, INT, Int32Array.of(4)));
  return { fd, timeout: undefined, listening: INT[0] === 1 };
}

/** `value`, if it can be a descriptor: foreign functions would take anything else for 0. */
export function descriptor(value: number | Socket): number {
  return integer(value instanceof Socket ? value.fileno() : value, "a descriptor, as fileno() gives it,");
}

/** `value`, if it is a whole number that fits an int: TypeError. */
export function integer(value: number, what = "this"): number {
  if (value === (value | 0)) return value;
  throw new TypeError(`${what} is a whole number, not ${JSON.stringify(value)}`);
}

/** The four numbers of an IPv4 address in its usual form; nothing, if it is none. */
export function octets(host: string): number[] | undefined {
  const numbers = /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? host.split(".").map(Number) : [256];
  return numbers.every((number) => number <= 255) ? numbers : undefined;
}

/** struct sockaddr_in: ip(7). Port and address stand in network byte order. */
function sockaddr(address: SocketAddress): Uint8Array<ArrayBuffer> {
  const [host, port] = Array.isArray(address) ? address as [string, number] : ["", -1];
  const numbers = octets(host);
  if (!numbers || !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    throw new TypeError(
      `an address is a list of an IPv4 address and a port, ["127.0.0.1", 80], not ${JSON.stringify(address)}`,
    );
  }
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...numbers, 0, 0, 0, 0, 0, 0, 0, 0);
}

function socketAddress(address: Uint8Array): SocketAddress {
  return [`${address[4]}.${address[5]}.${address[6]}.${address[7]}`, address[2] << 8 | address[3]];
}
