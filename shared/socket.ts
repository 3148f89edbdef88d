/** TCP sockets, with the names of Python's `socket` module. That a client has gone is no error here. */
import { bare, check, Errno, errno, errorname, libc, OSError, shown, timeval } from "./libc.ts";
import { report, warn } from "./stdio.ts";

// include/uapi/linux/in.h, include/linux/net.h, include/linux/socket.h, include/uapi/asm-generic/ioctls.h
const [AF_INET, SOCK_STREAM, SO_ACCEPTCONN, MSG_NOSIGNAL, FIONBIO] = [2, 1, 30, 0x4000, 0x5421];
const SOCK_CLOEXEC = 0o2000000; // a program that this one starts does not get the descriptor

// For setsockopt: include/uapi/asm-generic/socket.h, include/uapi/linux/tcp.h
/** Options of every socket: socket(7) */
export const SOL_SOCKET = 1;
/** Let the port be bound again at once, though connections of an earlier server still linger: socket(7) */
export const SO_REUSEADDR = 2;
/** Find out whether a silent peer is still there: socket(7) */
export const SO_KEEPALIVE = 9;
/** What close(2) does with bytes unsent: a struct linger; `Int32Array.of(1, 0)` resets the connection. socket(7) */
export const SO_LINGER = 13;
/** Let several sockets bind the same port; the kernel deals connections out to them: socket(7) */
export const SO_REUSEPORT = 15;
/** The limit of accept(2) and recv(2), a struct timeval: socket(7) */
export const SO_RCVTIMEO = 20;
/** That of send(2) and connect(2): socket(7) */
export const SO_SNDTIMEO = 21;
/** Options of TCP: tcp(7) */
export const IPPROTO_TCP = 6;
/** Send small pieces at once, rather than wait for more to send with them: tcp(7) */
export const TCP_NODELAY = 1;

/** For shutdown: "I receive nothing more". Linux still takes what comes, and recv brings it. shutdown(2) */
export const SHUT_RD = 0;
/** "I send nothing more". */
export const SHUT_WR = 1;
/** Both. */
export const SHUT_RDWR = 2;

/** An IPv4 address, such as `"127.0.0.1"`, and a port, as Python has them. */
export type SocketAddress = readonly [host: string, port: number];

/** struct sockaddr_in: port and address stand in network byte order. TypeError: that is no address. ip(7) */
function sockaddr(address: SocketAddress): Uint8Array<ArrayBuffer> {
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+),(\d+)$/.exec(`${address}`)?.slice(1).map(Number) ?? [256];
  const [port] = octets.splice(4);
  if (port > 65535 || octets.some((octet) => octet > 255)) {
    throw new TypeError(`an address is [host, port], such as ["127.0.0.1", 9696], not ${shown(address)}`);
  }
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...octets, 0, 0, 0, 0, 0, 0, 0, 0);
}
/** The address in the bytes of a struct sockaddr_in. */
export const socketAddress = (b: Uint8Array): SocketAddress => [b.slice(4, 8).join("."), b[2] << 8 | b[3]];

/** Faults in the program. All other errors of a connection read as the end of the stream: the client has gone. */
const MISUSE = new Set<number>([Errno.EBADF, Errno.EFAULT, Errno.EINVAL, Errno.ENOTSOCK]);
const THEIRS = "this connection was given to a thread, which closes it: threads share one descriptor, " +
  "while a forked child has a copy, so that its parent has one to close";

/** Where recv(2) writes: behind the bytes of the call before. So nothing is copied, and a returned array stays valid. */
let free = new Uint8Array(0);
/** For calls that take the address of an int, of a struct sockaddr_in. */
const [INT, PEER] = [new Int32Array(1), new Uint8Array(16)];

/** What is known of a descriptor that is open already. */
export interface SocketState {
  /** As {@link Socket.settimeout} has it; `undefined`: not known. */
  readonly timeout?: number | null;
  /** Whether others may use it, too. */
  readonly shared?: boolean;
  readonly addr?: SocketAddress;
}

/** The sockets that this thread has made, accepted or been given, and not closed. */
export const unclosed: Set<Socket> = new Set();

/** A descriptor that is a TCP socket over IPv4. */
export class Socket {
  #fd: number;
  #timeout: SocketState["timeout"];
  #shared: boolean;
  #handedOver = false;
  /** Who is at the other end of an accepted connection: the `addr` of Python's `conn, addr = server.accept()`. */
  readonly addr: SocketAddress | undefined;
  /** structuredClone would copy a Socket without its private fields. A function makes it throw instead. */
  readonly uncloneable = String;

  /**
   * A new socket, or one over a descriptor that is open already. Two over one descriptor do not know of each other: set a
   * timeout through one of them only, and close one of them only. EMFILE, ENFILE, ENOMEM: socket(2)
   */
  constructor(fileno?: number, { timeout, shared = true, addr }: SocketState = {}) {
    const made = fileno === undefined;
    this.#fd = descriptor(fileno ?? check("socket", libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    this.#timeout = made ? null : timeout;
    this.#shared = shared && !made;
    this.addr = addr;
    unclosed.add(this);
  }

  /** The descriptor: the small number by which the kernel knows the socket in this process. -1: it is closed. */
  fileno(): number {
    return this.#fd;
  }

  /** Set an option to an int, such as {@link TCP_NODELAY} to 1, or to the words of a C struct: setsockopt(2) */
  setsockopt(level: number, optname: number, value: number | Int32Array<ArrayBuffer>): void {
    const words = typeof value === "object" ? value : Int32Array.of(integer(value, "value"));
    const [of, option] = [integer(level, "level"), integer(optname, "optname")];
    check("setsockopt", libc.setsockopt(this.#fd, of, option, words, words.byteLength));
  }

  /** Take an address; port 0 takes a free one. EADDRINUSE, EADDRNOTAVAIL, EACCES: bind(2) */
  bind(address: SocketAddress): void {
    check("bind", libc.bind(this.#fd, sockaddr(address), 16));
  }

  /** From now on the kernel takes connections, `backlog` of them, and one more, before they are accepted: listen(2) */
  listen(backlog: number): void {
    check("listen", libc.listen(this.#fd, integer(backlog, "backlog")));
  }

  /** The address that this socket is bound to: getsockname(2) */
  getsockname(): SocketAddress {
    const address = new Uint8Array(16);
    check("getsockname", bare.getsockname(this.#fd, address, Int32Array.of(16)));
    return socketAddress(address);
  }

  /**
   * Connect to a server; a non-blocking socket does not wait for it. ECONNREFUSED, ETIMEDOUT, and EINPROGRESS when the
   * timeout is over: connect(2)
   */
  connect(address: SocketAddress): void {
    const bytes = sockaddr(address);
    let result: number;
    do result = libc.connect(this.#fd, bytes, 16); while (result === -1 && errno[0] === Errno.EINTR); // wait again
    if (this.#timeout !== 0 || errno[0] !== Errno.EINPROGRESS) check("connect", result);
  }

  /**
   * Take the next connection: accept(2). A blocking socket sleeps until there is one. `null`: nobody is there (it is
   * non-blocking, or its timeout is over), a signal has come, or, with a line on standard error, no descriptor is left.
   */
  accept(): Socket | null {
    INT[0] = PEER.length;
    const fd = libc.accept4(this.#fd, PEER, INT, SOCK_CLOEXEC);
    const code = fd === -1 ? errno[0] : 0;
    if (code === Errno.EAGAIN || code === Errno.EINTR) return null;
    if (MISUSE.has(code)) throw new OSError("accept", code);
    if (code !== 0) {
      // No descriptor is free (or the network failed): accept(2) fails at once. Pause, or the server only spins.
      warn(`accept: ${errorname(code)}: new clients wait`);
      bare.poll(null, 0, 50); // ms
      return null;
    }
    // Linux hands SO_RCVTIMEO on to it, but not O_NONBLOCK. Python hands on neither.
    const timeout = this.#timeout === 0 ? null : this.#timeout;
    const conn = new Socket(fd, { timeout, shared: false, addr: socketAddress(PEER) });
    if (timeout !== null) conn.settimeout(null);
    return conn;
  }

  /**
   * Receive what is there, at most `bufsize` bytes: recv(2). 0 bytes: the client has closed or reset the connection.
   * `null`: nothing is there yet (the socket is non-blocking, or its timeout is over). TypeError: `bufsize` is no length.
   */
  recv(bufsize: number): Uint8Array<ArrayBuffer> | null {
    if (integer(bufsize, "bufsize") < 1) throw new TypeError(`recv takes at least 1 byte, not ${bufsize}`);
    if (bufsize > free.length) free = new Uint8Array(Math.max(bufsize, 64 * 1024));
    for (;;) {
      const n = libc.recv(this.#fd, free, bufsize, 0);
      const code = n === -1 ? errno[0] : 0;
      if (code === Errno.EINTR) continue;
      if (code === Errno.EAGAIN) return null;
      if (MISUSE.has(code) || code === Errno.ENOTCONN) throw new OSError("recv", code); // ENOTCONN: it never was
      if (n <= 0) return new Uint8Array(0);
      const data = free.subarray(0, n);
      free = free.subarray(n);
      return data;
    }
  }

  /**
   * Send as many of the bytes as fit into the kernel's buffer, and return how many: send(2). A blocking socket sleeps
   * until all fit, or its timeout is over. 0: none fit, the client has gone, or this side was shut down. TypeError.
   */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("send takes bytes: new TextEncoder().encode(…)");
    for (;;) {
      const n = libc.send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL);
      const code = n === -1 ? errno[0] : 0;
      if (code === Errno.EINTR) continue;
      if (MISUSE.has(code)) throw new OSError("send", code);
      return Math.max(n, 0);
    }
  }

  /** Say that nothing more comes from this side; what was sent is still delivered: shutdown(2) */
  shutdown(how: number): void {
    const result = libc.shutdown(this.#fd, integer(how, "how"));
    if (result === -1 && MISUSE.has(errno[0])) throw new OSError("shutdown", errno[0]); // ENOTCONN: the client was faster
  }

  /** `false`: accept and recv no longer sleep, they answer `null` when nothing is there. `settimeout(0)` is the same. */
  setblocking(flag: boolean): void {
    this.settimeout(flag ? null : 0);
  }

  /**
   * From now on accept, recv and send give up after so many seconds; `null`: never; 0: at once (it is non-blocking).
   * In recv and send a signal begins the time anew. An accepted socket begins without a limit. RangeError: that is no
   * time. ioctl(2), FIONBIO; SO_RCVTIMEO, socket(7)
   */
  settimeout(seconds: number | null): void {
    const limit = timeval(seconds === null ? 0 : seconds); // zero means "never" to the kernel
    const before = this.#timeout;
    if (seconds === 0 || before === 0 || before === undefined) {
      INT[0] = seconds === 0 ? 1 : 0;
      check("ioctl", libc.ioctl(this.#fd, FIONBIO, INT));
    }
    if (seconds || before || before === undefined) {
      this.setsockopt(SOL_SOCKET, SO_RCVTIMEO, limit);
      bare.setsockopt(this.#fd, SOL_SOCKET, SO_SNDTIMEO, limit, limit.byteLength); // --trace need not tell it twice
    }
    this.#timeout = seconds;
  }

  /** Give the descriptor back; the connection ends with its last one: close(2). EBADF: it was given to a thread. */
  close(): void {
    if (this.#handedOver) throw new OSError("close", Errno.EBADF, THEIRS);
    if (this.#fd === -1) return; // by now the number may be another's
    libc.close(this.#fd);
    this.#fd = -1;
    unclosed.delete(this);
  }

  /** The arguments for another thread's Socket. A connection is that thread's from now on; a listening socket is shared. */
  handOver(): [fileno: number, state: SocketState] {
    if (this.#handedOver) throw new OSError("Thread", Errno.EBADF, THEIRS);
    const [fd, shared] = [this.#fd, this.#listens()];
    if (!shared) {
      unclosed.delete(this);
      this.#handedOver = true;
      this.#fd = -1;
    }
    return [fd, { timeout: this.#timeout, shared, addr: this.addr }];
  }

  /**
   * At the end of a thread or a child, `who`: close what is open, and print what ended it or, if that was no error, that
   * connections were open. A shared one is closed only after an error, and a shared listening socket never.
   */
  static closeAll(who: string, thrown?: { error: unknown }): void {
    if (thrown) report(who, thrown.error);
    let open = 0;
    for (const socket of [...unclosed]) {
      const listens = socket.#listens();
      if (socket.#shared && (listens || !thrown)) continue;
      if (!listens) open++;
      socket.close();
    }
    if (open && !thrown) warn(`${who} has ended with connections open (${open}): not closed, or not awaited`);
  }

  #listens(): boolean {
    INT[0] = 0;
    bare.getsockopt(this.#fd, SOL_SOCKET, SO_ACCEPTCONN, INT, Int32Array.of(4));
    return INT[0] === 1;
  }
}

/** `value`, if it can be a descriptor: foreign functions would take anything else for 0. TypeError */
export const descriptor = (value: number | Socket): number =>
  integer(value instanceof Socket ? value.fileno() : value, "a descriptor, as fileno() gives it,");

/** `value`, if it is a whole number that fits an int. TypeError */
export function integer(value: number, what: string): number {
  if (value === (value | 0)) return value | 0; // no -0
  throw new TypeError(`${what} has to be a whole number, not ${shown(value)}`);
}
