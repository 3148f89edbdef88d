/**
 * `--trace`: print each system call as it happens, in strace's notation. It
 * sits between the vocabulary and the bare C functions, so no lesson knows of
 * it, and adds no call on a traced descriptor.
 */
import { Errno, errorname } from "./errno.ts";
import type { Libc, Name } from "./libc.ts";
import { type CFunction, isMainThread, noColor } from "./runtime.ts";

/** Calls that are not part of the story: what comes before the first line is printed, and what the runtime needs. */
const SILENT = new Set<Name>([
  "__errno_location",
  "bind",
  "dlsym",
  "execv",
  "getenv",
  "getpid",
  "getppid",
  "getsockname",
  "isatty",
  "listen",
  "prctl",
  "pthread_create",
  "pthread_join",
  "read",
  "setenv",
  "socket",
  "usleep",
  "write",
]);

const FIONBIO = 0x5421n;
const SO_REUSEADDR = 2;
const REFRESH = 100; // ms between two prints of a line that counts

/** The one thing for which the lessons make these calls. */
const PURPOSE: { [name in Name]?: string } = {
  ioctl: ", FIONBIO",
  setsockopt: ", SO_RCVTIMEO",
  shutdown: ", SHUT_WR",
};
const EVENTS: [bit: number, name: string][] = [[1, "IN"], [4, "OUT"], [8, "ERR"], [16, "HUP"]];
const CONTROLS = ["", "ADD", "DEL", "MOD"];

/**
 * What wraps each bare function. `flag` is `--trace` in the main thread, and
 * `--trace=ORIGIN,NUMBER` in a thread: the time that counts as zero (ms since
 * 1970) and the thread's number.
 */
export function tracer(
  libc: Libc,
  errno: () => Int32Array,
  flag: string,
): (name: Name, bare: CFunction) => CFunction {
  const [origin = performance.timeOrigin, number = 0] = flag.split(/[=,]/).slice(1).map(Number);
  const shift = performance.timeOrigin - origin;
  const terminal = libc.isatty(1) === 1;
  const color = terminal && !noColor;
  let who = isMainThread ? "main" : `worker ${number}`;
  let paint = number;

  /** Descriptors on which accept and recv do not wait. */
  const nonblocking = new Set<number>();
  /** Descriptors of files and the like, which are no part of the story either. */
  const files = new Set<number>();
  const file = (fd: number) => (files.add(fd), fd);
  const peer = new Uint8Array(16);
  const peerLength = new Int32Array(1);

  let unread = false;

  function print(time: number, text: string, note: string, counting = false) {
    const line = `${(time + shift).toFixed(2).padStart(10)} ms  ${who.padEnd(12)}  ${text.padEnd(34)} ${note}`
      .trimEnd();
    const colored = color ? `\x1b[${31 + (paint + 5) % 6}m${line}\x1b[0m` : line;
    // In a terminal a counting line stays open, and whatever comes next replaces it.
    const bytes = new TextEncoder().encode(
      terminal ? `\r\x1b[K${colored}${counting ? "" : "\n"}` : `${line}\n`,
    );
    // One write(2) a line: lines of several threads and processes never mix.
    if (libc.write(1, bytes, bytes.length) === -1 && errno()[0] === Errno.EPIPE) {
      unread = true; // as when piped into head
      libc._exit(0);
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

  return (name, bare) => {
    if (name === "open" || name === "dup") return (...args) => file(bare(...args));
    if (SILENT.has(name)) return bare;
    return (...args) => {
      if (unread || (name === "close" && files.delete(args[0]))) return bare(...args);
      if (name === "setsockopt" && args[2] === SO_REUSEADDR) return bare(...args);
      const call = describe(name, args);
      const started = performance.now();
      const mayWait = name === "select" || name === "epoll_wait" ||
        (name === "accept" || name === "recv") && !nonblocking.has(args[0]);
      if (mayWait && !idle.calls.has(`${call} = -1 EAGAIN`)) {
        endIdle(started);
        print(started, `${call} …`, "");
      } else if (name === "fork" || name === "_exit") {
        endIdle(started); // the child must not print it again
        if (name === "_exit") print(started, call, "");
      }
      const looked = name === "select" ? bits(args[1]).length : 0;
      if (name === "accept") {
        peerLength[0] = peer.length;
        args = [args[0], peer, peerLength];
      }

      const result = bare(...args);
      const code = result === -1 ? errno()[0] : 0;

      const now = performance.now();
      const line = `${call} = ${code === 0 ? result : `-1 ${errorname(code)}`}`;
      if (code === Errno.EAGAIN || name === "waitpid" && result <= 0) {
        idle.calls.add(line);
        idle.count++;
        if (now - idle.printed >= REFRESH) printIdle(now, terminal);
        errno()[0] = code; // printing may have changed it
        return result;
      }
      endIdle(now);
      if (name === "fork" && result === 0) {
        paint = libc.getpid();
        who = `child ${paint}`;
      }
      if (name === "ioctl" && args[1] === FIONBIO) nonblocking[args[2][0] ? "add" : "delete"](args[0]);
      if (name === "close") nonblocking.delete(args[0]);

      const notes = [
        mayWait && now - started >= 0.1 ? `waited ${(now - started).toFixed(1)} ms` : "",
        result >= 0 ? note(name, args, result, looked) : "",
      ];
      print(now, line, notes.filter((note) => note !== "").join(", "));
      if (code !== 0) errno()[0] = code; // printing may have changed it
      return result;
    };
  };

  function note(name: Name, args: Parameters<CFunction>, result: number, looked: number): string {
    switch (name) {
      case "accept":
        return `${peer.subarray(4, 8).join(".")}:${peer[2] << 8 | peer[3]}`;
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
}

/** The call with its descriptor, and what else tells it apart. */
function describe(name: Name, args: Parameters<CFunction>): string {
  switch (name) {
    case "fork":
    case "epoll_create1":
      return `${name}()`;
    case "select":
      return "select()";
    case "epoll_ctl":
      return `epoll_ctl(${args[0]}, ${CONTROLS[args[1]]} ${args[2]} ${eventNames(args[3][0])}`.trimEnd() +
        ")";
    default:
      return `${name}(${args[0]}${PURPOSE[name] ?? ""})`;
  }
}

function eventNames(events: number): string {
  return EVENTS.filter(([bit]) => events & bit).map(([, name]) => name).join("|");
}

/** The numbers of the bits that are set in an fd_set. */
function bits(words: Int32Array): number[] {
  return [...words].flatMap((word, i) => {
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
