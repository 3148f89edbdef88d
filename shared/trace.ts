/**
 * `--trace`: print each system call as it happens, in strace's notation, and the line of the lesson that made it.
 * It sits between the vocabulary and the bare C functions, so no lesson knows of it, and adds no call on a traced
 * descriptor.
 */
import { Errno, errorname } from "./errno.ts";
import { runtime } from "./runtime.ts";
import type { CFunction } from "./runtimes/interface.ts";

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

/** Which thread this is. A thread is told when it starts (thread_main.ts). */
export const currentThread = {
  /** 0 is the main thread; those that it creates count from 1. */
  number: 0,
  /** When its creator began, ms since 1970. */
  origin: performance.timeOrigin,
};

/** The bare C functions that tracing needs for itself. */
export interface TraceLibc {
  write(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number): number;
  poll(fds: Int32Array<ArrayBuffer>, count: bigint, timeout: number): number;
  isatty(fd: number): number;
  getpid(): number;
  _exit(code: number): void;
}

/** What wraps each bare function. */
export function tracer(libc: TraceLibc, errno: Int32Array): (name: string, bare: CFunction) => CFunction {
  const terminal = libc.isatty(1) === 1;
  const color = terminal && !runtime.noColor;
  /** The child that this process is, if it is one. */
  let child = 0;

  /** Descriptors on which accept and recv do not wait. */
  const nonblocking = new Set<number>();

  let unread = false;

  function print(time: number, text: string, note: string, place: string, counting = false) {
    const { number, origin } = currentThread;
    const who = child ? `child ${child}` : number ? `worker ${number}` : "main";
    const when = (time + performance.timeOrigin - origin).toFixed(2).padStart(10);
    const line = `${when} ms  ${who.padEnd(12)}  ${text.padEnd(33)}  ${note.padEnd(38)}  ${place}`.trimEnd();
    const colored = color ? `\x1b[${31 + ((child || number) + 5) % 6}m${line}\x1b[0m` : line;
    // In a terminal a counting line stays open, and whatever comes next replaces it.
    const bytes = new TextEncoder().encode(
      terminal ? `\r\x1b[K${colored}${counting ? "" : "\n"}` : `${line}\n`,
    );
    // One write(2) a line: lines of several threads and processes do not mix (in a pipe, up to 4,096 bytes: pipe(7)).
    while (libc.write(1, bytes, bytes.length) === -1) {
      const code = errno[0];
      if (code === Errno.EAGAIN) libc.poll(POLLOUT, 1n, -1); // Node.js makes a pipe non-blocking
      else if (code === Errno.EPIPE) { // as when piped into head
        unread = true;
        libc._exit(0);
      } else if (code !== Errno.EINTR) return;
    }
  }
  printLine = print;

  /** Calls in a row that found nothing: one line with a count. */
  const idle = { calls: new Map<string, string>(), count: 0, shown: 0, printed: 0 };
  function printIdle(time: number, counting: boolean) {
    const calls = [...idle.calls.keys()];
    const named = calls.length > 3 ? `${calls[0]}, ${calls[1]}, … ${calls.at(-1)}` : calls.join(", ");
    const text = idle.count > 1 ? `${named} × ${idle.count.toLocaleString("en")}` : named;
    const places = new Set(idle.calls.values());
    print(time, text, "", [...places].map((at, i) => i ? at.replace(/^.*:/, "") : at).join(","), counting);
    idle.printed = time;
    idle.shown = idle.count;
  }
  function endIdle(time: number) {
    if (terminal ? idle.count > 0 : idle.count > idle.shown) printIdle(time, false);
    idle.count = idle.shown = 0;
    idle.calls.clear();
  }

  /** Options that one line of the lesson has set on one socket, the last of them just now. */
  let options: { time: number; text: string; place: string } | undefined;
  function endOptions() {
    if (options) print(options.time, `${options.text}) = 0`, "", options.place);
    options = undefined;
  }

  return (name, bare) => (...args) => {
    if (unread) return bare(...args);
    const call = describe(name, args);
    const started = performance.now();
    const mayWait = name === "select" || name === "epoll_wait" ||
      (name.startsWith("accept") || name === "recv") && !nonblocking.has(args[0]);
    // To find the place takes longer than the call: not again for one that finds nothing again and again.
    const place = idle.calls.get(`${call} = -1 EAGAIN`) ?? lessonLine();
    if (name !== "setsockopt") endOptions();
    if (mayWait && !idle.calls.has(`${call} = -1 EAGAIN`)) {
      endIdle(started);
      print(started, `${call} …`, "", place);
    } else if (name === "fork" || name === "_exit") {
      endIdle(started); // the child must not print it again
      if (name === "_exit") print(started, call, "", place);
    }
    const looked = name === "select" ? bits(args[1]).length + bits(args[2]).length : 0;

    const result = bare(...args);
    const code = result === -1 ? errno[0] : 0;

    const now = performance.now();
    const line = `${call} = ${code === 0 ? result : `-1 ${errorname(code)}`}`;
    if (code === Errno.EAGAIN || name === "waitpid" && result <= 0) {
      idle.calls.set(line, place);
      idle.count++;
      if (now - idle.printed >= REFRESH) printIdle(now, terminal);
      errno[0] = code; // printing may have changed it
      return result;
    }
    endIdle(now);
    if (name === "fork" && result === 0) child = libc.getpid();
    if (name === "ioctl" && args[1] === FIONBIO) nonblocking[args[2][0] ? "add" : "delete"](args[0]);
    if (name === "close") nonblocking.delete(args[0]);

    if (name === "setsockopt" && code === 0) {
      const text = call.slice(0, -1);
      const [socket, option] = text.split(", ");
      if (options?.text.startsWith(socket) && options.place === place) options.text += ` ${option}`;
      else {
        endOptions();
        options = { time: now, text, place };
      }
      return result;
    }
    const notes = [
      mayWait && now - started >= 0.1 ? `waited ${(now - started).toFixed(1)} ms` : "",
      result >= 0 ? note(name, args, result, looked) : "",
    ];
    print(now, line, notes.filter((note) => note !== "").join(", "), place);
    if (code !== 0) errno[0] = code; // printing may have changed it
    return result;
  };
}

let printLine: (time: number, text: string, note: string, place: string) => void = () => {};
/**
 * A thread is about to be created: call what this returns when the thread runs and has told its gettid(2). The line
 * says when it was asked for, so that it stands before the thread's own once they are sorted.
 */
export function creatingThread(number: number): (tid: number) => void {
  const [time, place] = [performance.now(), lessonLine()];
  return (tid) => {
    const ran = (performance.now() - time).toFixed(1);
    printLine(time, `clone() = ${tid}`, `worker ${number}, runs after ${ran} ms`, place);
  };
}

/** This thread is about to end. */
export function endingThread(): void {
  printLine(performance.now(), "exit(0)", "", "");
}

const SHARED = new URL(".", import.meta.url).href.replace("file://", "");
/** The file and line of the lesson, or of a reader's own file, from which this was called: `06-epoll.ts:59`. */
function lessonLine(): string {
  for (const frame of new Error().stack?.split("\n") ?? []) {
    // Files of the runtime itself have no path that begins with a slash.
    const [, path, name, line] = /(?:^|[ (@]|file:\/\/)(\/(?:.*\/)?([^/]+)):(\d+):\d+\)?$/.exec(frame) ?? [];
    if (path !== undefined && !encodeURI(decodeURI(path)).startsWith(SHARED)) return `${name}:${line}`;
  }
  return "";
}

/** What a call brought, beside its result. */
function note(name: string, args: Parameters<CFunction>, result: number, looked: number): string {
  switch (name) {
    case "accept":
    case "accept4":
      return address(args[1]);
    case "recv":
      return firstLine(args[1].subarray(0, result));
    case "select":
      return `${
        [args[1], args[2]].filter(Boolean).map(ranges).join(" ")
      }, looked at ${looked}, ${result} had something`;
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
      return `${name}(${args[0]}, FIONBIO ${args[2][0]})`;
    case "select":
      return `${name}(${[args[1], args[2]].filter(Boolean).map(ranges).join(" ")})`;
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

/** The descriptors in an fd_set: `[21 23-26]`. */
function ranges(words: Int32Array): string {
  const runs: number[][] = [];
  for (const fd of bits(words)) {
    if (runs.at(-1)?.at(-1) === fd - 1) runs.at(-1)!.push(fd);
    else runs.push([fd]);
  }
  return `[${runs.map((run) => run.length > 1 ? `${run[0]}-${run.at(-1)}` : run[0]).join(" ")}]`;
}

/** The first line of what came, at most 40 characters, with nothing that moves the cursor. */
function firstLine(data: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(data.subarray(0, 200)).split(/[\r\n]/, 1)[0];
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, "·");
}
