/** The C library as the tests call it: by themselves, so that they don't rest on what they test. */

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  poll: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

function open() {
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS); // glibc
  } catch {
    return Deno.dlopen(`libc.musl-${Deno.build.arch}.so.1`, SYMBOLS);
  }
}

/** The functions, by their names in the man pages. */
export const libc = open().symbols;

// include/uapi/linux/in.h, include/linux/net.h
const AF_INET = 2;
const SOCK_STREAM = 1;
/** Of every socket here: a server that another test starts meanwhile must not get it. */
export const SOCK_CLOEXEC = 0o2000000;
/** For {@link connection}: no call on it waits. */
export const SOCK_NONBLOCK = 0o4000;

/** A descriptor that is connected to a server on 127.0.0.1, or about to be. */
export function connection(port: number, flags = 0): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd === -1) throw new Error("no further socket; see ulimit -n");
  const address = new Uint8Array(16); // struct sockaddr_in: ip(7)
  address.set([AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1]);
  libc.connect(fd, address, address.length);
  return fd;
}
