/**
 * `--trace`: print each system call as it happens, in strace's notation. It
 * sits between the vocabulary and the bare C functions, so no lesson knows of
 * it, and adds no call on a traced descriptor.
 */
import { Errno, errorname } from "./errno.ts";
import type { Libc } from "./libc.ts";
import type { CFunction } from "./runtime.ts";

const REFRESH = 100; // ms between two prints of a line that counts

// include/uapi/asm-generic/socket.h, linux/in.h, linux/tcp.h, linux/eventpoll.h, asm-generic/ioctls.h
const SOCKET_OPTIONS: Record<number, Record<number, string>> = {
  1: {
    2: "SO_REUSEADDR",
    7: "SO_SNDBUF",
    8: "SO_RCVBUF",
    9: "SO_KEEPALIVE",
    13: "SO_LINGER",
    15: "SO_REUSEPORT",
    20: "SO_RCVTIMEO",
    21: "SO_SNDTIMEO",
  },
  6: { 1: "TCP_NODELAY", 3: "TCP_CORK", 9: "TCP_DEFER_ACCEPT", 18: "TCP_USER_TIMEOUT" },
};
const POLLOUT = Int32Array.of(1, 4); // struct pollfd: descriptor 1, POLLOUT
const SHUTDOWNS = ["SHUT_RD", "SHUT_WR", "SHUT_RDWR"];
const FIONBIO = 0x5421;
const CONTROLS = ["", "ADD", "DEL", "MOD"];
const EVENTS: [bit: number, name: string][] = [
  [1, "IN"],
  [4, "OUT"],
  [8, "ERR"],
  [16, "HUP"],
  [1 << 30, "ONESHOT"],
  [1 << 31, "ET"],
];

/** The calls that tell a lesson's story. */
const TOLD = new Set(
  ("socket setsockopt bind listen connect accept4 recv send shutdown close ioctl select epoll_create1 epoll_ctl " +
    "epoll_wait fork waitpid _exit").split(" "),
);

/** Which thread this is. A thread is told when it starts (thread_main.ts). */
export const currentThread = {
  /** 0 is the main thread; those that it makes count from 1. */
  number: 0,
  /** When its maker began, ms since 1970. */
  origin: performance.timeOrigin,
};

/** What wraps each bare function. */
export function tracer(
  libc: Libc,
  errno: Int32Array,
): (name: string, bare: CFunction) => CFunction {
  const terminal = libc.isatty(1) === 1;
  const color = terminal && libc.getenv(new TextEncoder().encode("NO_COLOR\0")) === 0n; // https://no-color.org
  /** The child that this process is, if it is one. */
  let child = 0;

  /** Descriptors on which accept and recv do not wait. */
  const nonblocking = new Set<number>();

  let unread = false;

  function print(time: number, text: string, note: string, counting = false) {
    const { number, origin } = currentThread;
    const who = child ? `child ${child}` : number ? `worker ${number}` : "main";
    const shift = performance.timeOrigin - origin;
    const line = `${(time + shift).toFixed(2).padStart(10)} ms  ${who.padEnd(12)}  ${text.padEnd(34)} ${note}`
      .trimEnd();
    const colored = color ? `\x1b[${31 + ((child || number) + 5) % 6}m${line}\x1b[0m` : line;
    // In a terminal a counting line stays open, and whatever comes next replaces it.
    const bytes = new TextEncoder().encode(
      terminal ? `\r\x1b[K${colored}${counting ? "" : "\n"}` : `${line}\n`,
    );
    // One write(2) a line: lines of several threads and processes do not mix (in a pipe, up to 4,096 bytes: pipe(7)).
    while (libc.write(1, bytes, bytes.length) === -1) {
      const code = errno[0];
      if (code === Errno.EAGAIN) libc.poll(POLLOUT, 1, -1); // Node.js makes a pipe non-blocking
      else if (code === Errno.EPIPE) { // as when piped into head
        unread = true;
        libc._exit(0);
      } else if (code !== Errno.EINTR) return;
    }
  }

  /** Calls in a row that found nothing: one line with a count. */
  const idle = { calls: new Set<string>(), count: 0, shown: 0, printed: 0 };
  function printIdle(time: number, counting: boolean) {
    const calls = [...idle.calls];
    const named = calls.length > 3 ? `${calls[0]}, ${calls[1]}, … ${calls.at(-1)}` : calls.join(", ");
    print(time, idle.count > 1 ? `${named} × ${idle.count.toLocaleString("en")}` : named, "", counting);
    idle.printed = time;
    idle.shown = idle.count;
  }
  function endIdle(time: number) {
    if (terminal ? idle.count > 0 : idle.count > idle.shown) printIdle(time, false);
    idle.count = idle.shown = 0;
    idle.calls.clear();
  }

  return (name, bare) =>
    !TOLD.has(name) ? bare : (...args) => {
      if (unread) return bare(...args);
      const call = describe(name, args);
      const started = performance.now();
      const mayWait = name === "select" || name === "epoll_wait" ||
        (name === "accept4" || name === "recv") && !nonblocking.has(args[0]);
      if (mayWait && !idle.calls.has(`${call} = -1 EAGAIN`)) {
        endIdle(started);
        print(started, `${call} …`, "");
      } else if (name === "fork" || name === "_exit") {
        endIdle(started); // the child must not print it again
        if (name === "_exit") print(started, call, "");
      }
      const looked = name === "select" ? bits(args[1]).length + bits(args[2]).length : 0;

      const result = bare(...args);
      const code = result === -1 ? errno[0] : 0;

      const now = performance.now();
      const line = `${call} = ${code === 0 ? result : `-1 ${errorname(code)}`}`;
      if (code === Errno.EAGAIN || name === "waitpid" && result <= 0) {
        idle.calls.add(line);
        idle.count++;
        if (now - idle.printed >= REFRESH) printIdle(now, terminal);
        errno[0] = code; // printing may have changed it
        return result;
      }
      endIdle(now);
      if (name === "fork" && result === 0) child = libc.getpid();
      if (name === "ioctl" && args[1] === FIONBIO) nonblocking[args[2][0] ? "add" : "delete"](args[0]);
      if (name === "close") nonblocking.delete(args[0]);

      const notes = [
        mayWait && now - started >= 0.1 ? `waited ${(now - started).toFixed(1)} ms` : "",
        result >= 0 ? note(name, args, result, looked) : "",
      ];
      print(now, line, notes.filter((note) => note !== "").join(", "));
      if (code !== 0) errno[0] = code; // printing may have changed it
      return result;
    };
}

/** What a call brought, beside its result. */
function note(name: string, args: Parameters<CFunction>, result: number, looked: number): string {
  switch (name) {
    case "accept4":
      return address(args[1]);
    case "recv":
      return firstLine(args[1].subarray(0, result));
    case "select":
      return `looked at ${looked}, ${result} had something`;
    case "epoll_wait": {
      const events: Int32Array = args[1];
      const words = events.length / args[2];
      // The descriptor is the last word but one, in both layouts of epoll_event.
      const at = (i: number) => `${events[i + words - 2]} ${eventNames(events[i])}`;
      return Array.from({ length: result }, (_, i) => at(i * words)).join(", ");
    }
    default:
      return "";
  }
}

/** The call with its descriptor, and what else tells it apart. */
function describe(name: string, args: Parameters<CFunction>): string {
  switch (name) {
    case "socket":
    case "fork":
    case "select":
    case "epoll_create1":
      return `${name}()`;
    case "setsockopt":
      return `${name}(${args[0]}, ${
        SOCKET_OPTIONS[args[1]]?.[args[2]] ?? `option ${args[2]} of level ${args[1]}`
      })`;
    case "bind":
    case "connect":
      return `${name}(${args[0]}, ${address(args[1])})`;
    case "listen":
      return `${name}(${args[0]}, ${args[1]})`;
    case "shutdown":
      return `${name}(${args[0]}, ${SHUTDOWNS[args[1]] ?? args[1]})`;
    case "ioctl":
      return `${name}(${args[0]}, FIONBIO)`;
    case "epoll_ctl":
      return `${name}(${args[0]}, ${CONTROLS[args[1]]} ${args[2]} ${eventNames(args[3][0])}`.trimEnd() + ")";
    default:
      return `${name}(${args[0]})`;
  }
}

/** The address in a struct sockaddr_in. */
function address(sockaddr: Uint8Array): string {
  return `${sockaddr.subarray(4, 8).join(".")}:${sockaddr[2] << 8 | sockaddr[3]}`;
}

function eventNames(events: number): string {
  return EVENTS.filter(([bit]) => events & bit).map(([, name]) => name).join("|");
}

/** The numbers of the bits that are set in an fd_set. */
function bits(words: Int32Array | null): number[] {
  return [...words ?? []].flatMap((word, i) => {
    const found = [];
    for (let bit = 0; bit < 32; bit++) if (word & 1 << bit) found.push(i * 32 + bit);
    return found;
  });
}

/** The first line of what came, at most 40 characters, with nothing that moves the cursor. */
function firstLine(data: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(data.subarray(0, 200)).split(/[\r\n]/, 1)[0];
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, "·");
}
