/**
 * `--trace`: print each system call as it happens, in strace's notation, and the line of the lesson that made it. It sits
 * between the vocabulary and the C functions, so no lesson knows of it, and adds no call on a traced descriptor.
 */
import * as epoll from "./epoll.ts";
import { bare, cstring, Errno, errno, errorname, type Libc, libc } from "./libc.ts";
import type { CFunction } from "./runtime.ts";
import * as socket from "./socket.ts";
import { write } from "./stdio.ts";

type Args = Parameters<CFunction>;
const CONTROLS = ["", "ADD", "DEL", "MOD"];
/** How many descriptors the last question to select named. */
let looked = 0;

const first = ([fd]: Args) => `${fd}`;
/** The calls that tell a lesson's story: which of its arguments are shown and, when it has succeeded, what it brought. */
const TOLD: Record<
  string,
  [shown: (args: Args) => string, brought?: (args: Args, result: number) => string]
> = {
  socket: [() => ""],
  setsockopt: [([fd, level, option]) => `${fd}, ${nameOf(level === 6 ? "TCP_" : "SO_", option)}`],
  bind: [([fd, sockaddr]) => `${fd}, ${address(sockaddr)}`],
  connect: [([fd, sockaddr]) => `${fd}, ${address(sockaddr)}`],
  listen: [([fd, backlog]) => `${fd}, ${backlog}`],
  accept4: [first, ([, sockaddr]) => address(sockaddr)],
  recv: [first, ([, bytes], n) => firstLine(bytes.subarray(0, n))],
  send: [first],
  shutdown: [([fd, how]) => `${fd}, ${nameOf("SHUT_", how)}`],
  close: [first],
  ioctl: [([fd, , [value]]) => `${fd}, FIONBIO ${value}`],
  select: [
    ([, read, write]) => (looked = bits(read).length + bits(write).length, sets(read, write)),
    ([, read, write], n) => `${sets(read, write)}, looked at ${looked}, ${n} had something`,
  ],
  epoll_create1: [() => ""],
  epoll_ctl: [
    ([epoll, op, fd, [events]]) =>
      `${epoll}, ${CONTROLS[op]} ${fd}${CONTROLS[op] === "DEL" ? "" : ` ${eventNames(events)}`}`,
  ],
  epoll_wait: [first, ([, events, max], n) => {
    const words = events.length / max; // the descriptor is the last word but one, in both layouts
    const event = (i: number) => `${events[i + words - 2]} ${eventNames(events[i])}`;
    return Array.from({ length: n }, (_, i) => event(i * words)).join(", ");
  }],
  fork: [() => ""],
  waitpid: [first],
  _exit: [first],
};
for (const name of Object.keys(TOLD) as (keyof Libc)[]) {
  Object.defineProperty(libc, name, { value: (...args: Args) => traced(name, bare[name], args) });
}

/** Which thread this is. A thread is told when it starts (thread.ts). */
export const currentThread = {
  /** 0 is the main thread; those that it creates count from 1. */
  number: 0,
  /** When its creator began, ms since 1970. */
  origin: performance.timeOrigin,
};
/** The child that this process is, if it is one. */
let child = 0;

const terminal = bare.isatty(1) === 1;
const color = terminal && bare.getenv(cstring("NO_COLOR")) === 0n; // https://no-color.org

function print(time: number, text: string, note: string, place: string, counting = false) {
  const { number, origin } = currentThread;
  const who = child ? `child ${child}` : number ? `worker ${number}` : "main";
  const when = (time + performance.timeOrigin - origin).toFixed(2).padStart(10);
  const line = `${when} ms  ${who.padEnd(12)}  ${text.padEnd(33)}  ${note.padEnd(38)}  ${place}`.trimEnd();
  const colored = color ? `\x1b[${31 + ((child || number) + 5) % 6}m${line}\x1b[0m` : line;
  // In a terminal a counting line stays open, and whatever comes next replaces it.
  // One write(2) a line: lines of several threads and processes do not mix (in a pipe, up to 4,096 bytes: pipe(7)).
  const error = write(1, terminal ? `\r\x1b[K${colored}${counting ? "" : "\n"}` : `${line}\n`);
  if (error === Errno.EPIPE) bare._exit(0); // as when piped into head
}

const REFRESH = 100; // ms between two prints of a line that counts
/** Calls in a row that found nothing, each with its place: one line with a count. */
const idle = { calls: new Map<string, string>(), count: 0, shown: 0, printed: 0 };
function printIdle(time: number, counting: boolean) {
  const [calls, places] = [[...idle.calls.keys()], [...new Set(idle.calls.values())]];
  const named = calls.length > 3 ? `${calls[0]}, ${calls[1]}, … ${calls.at(-1)}` : calls.join(", ");
  const text = idle.count > 1 ? `${named} × ${idle.count.toLocaleString("en")}` : named;
  print(time, text, "", places.join().replace(/,[^,]*:/g, ","), counting);
  idle.printed = time;
  idle.shown = idle.count;
}
function endIdle(time: number) {
  if (terminal ? idle.count > 0 : idle.count > idle.shown) printIdle(time, false);
  idle.count = idle.shown = 0;
  idle.calls.clear();
}

/** Descriptors on which accept4 and recv do not wait. */
const nonblocking = new Set<number>();
/** Where an option was set last, if no other call came since: of those that one line sets, the first is printed. */
let optionSetAt = "";

/** Make a call, and tell of it. */
function traced(name: string, call: CFunction, args: Args): number {
  const [shown, brought] = TOLD[name];
  const text = `${name}(${shown(args)})`;
  const started = performance.now();
  const mayWait = name === "select" || name === "epoll_wait" ||
    (name === "accept4" || name === "recv") && !nonblocking.has(args[0]);
  const again = idle.calls.get(`${text} = -1 EAGAIN`);
  const place = again ?? lessonLine(); // finding it takes longer than the call
  const begins = mayWait && again === undefined || name === "_exit";
  if (begins || name === "fork") endIdle(started); // or a child would print it again
  if (begins) print(started, name === "_exit" ? text : `${text} …`, "", place);

  const result = call(...args);
  const code = result === -1 ? errno[0] : 0;

  const now = performance.now();
  const line = `${text} = ${code === 0 ? result : `-1 ${errorname(code)}`}`;
  if (code === Errno.EAGAIN || name === "waitpid" && result <= 0) {
    idle.calls.set(line, place);
    idle.count++;
    if (now - idle.printed >= REFRESH) printIdle(now, terminal);
  } else {
    endIdle(now);
    if (name === "fork" && result === 0) child = bare.getpid();
    if (name === "ioctl") nonblocking[args[2][0] ? "add" : "delete"](args[0]);
    if (name === "close") nonblocking.delete(args[0]);
    const waited = mayWait && now - started >= 0.1 ? `waited ${(now - started).toFixed(1)} ms` : "";
    const note = code === 0 && brought ? brought(args, result) : "";
    const setAgain = name === "setsockopt" && optionSetAt === place;
    if (!setAgain) print(now, line, [waited, note].filter(Boolean).join(", "), place);
  }
  optionSetAt = name === "setsockopt" ? place : "";
  if (code !== 0) errno[0] = code; // printing may have changed it
  return result;
}

/**
 * For thread.ts, before it creates a thread. To be called when that runs, with its gettid(2). The line says when it was
 * asked for, so that it comes before the thread's own.
 */
export function creatingThread(number: number): (tid: number) => void {
  const [time, place] = [performance.now(), lessonLine()];
  return (tid) => {
    const ran = (performance.now() - time).toFixed(1);
    print(time, `clone() = ${tid}`, `worker ${number}, runs after ${ran} ms`, place);
  };
}
/** For thread.ts: this thread is about to end. */
export function endingThread(): void {
  print(performance.now(), "exit(0)", "", "");
}

const HERE = new URL(".", import.meta.url).pathname;
const SHARED = [HERE, decodeURI(HERE)]; // a runtime has it in its stacks as one or the other
/** The file and line, outside of shared/, from which this was called: `06-epoll.ts:59`. */
function lessonLine(): string {
  for (const frame of new Error().stack?.split("\n") ?? []) {
    // Files of the runtime itself have no path that begins with a slash.
    const [, path, name, line] = /(?:^|[ (@]|file:\/\/)(\/(?:.*\/)?([^/]+)):(\d+):\d+\)?$/.exec(frame) ?? [];
    if (path && !SHARED.some((folder) => path.startsWith(folder))) return `${name}:${line}`;
  }
  return "";
}

/** The name that socket.ts has for a value, of those that begin so. */
const nameOf = (prefix: string, value: number) =>
  Object.entries(socket).find(([name, known]) => name.startsWith(prefix) && known === value)?.[0] ?? value;
const address = (sockaddr: Uint8Array) => socket.socketAddress(sockaddr).join(":");

/** `EPOLLIN | EPOLLHUP` as `IN|HUP`, the lower bits first. */
const eventNames = (events: number) =>
  Object.entries(epoll).filter(([, bit]) => typeof bit === "number" && events & bit)
    .sort(([, a], [, b]) => (Number(a) >>> 0) - (Number(b) >>> 0)).map(([name]) => name.slice("EPOLL".length))
    .join("|");

/** The descriptors in an fd_set. */
const bits = (set: Int32Array | null) =>
  set ? Array.from({ length: set.length * 32 }, (_, fd) => fd).filter((fd) => set[fd >> 5] & 1 << fd) : [];

/** Sets of descriptors: `[21 23-26]`. */
function sets(...all: (Int32Array | null)[]): string {
  return all.filter((set) => set !== null).map((set) => {
    const numbers = bits(set);
    const ends = numbers.filter((fd) => !numbers.includes(fd - 1) || !numbers.includes(fd + 1));
    return `[${ends.map((fd) => numbers.includes(fd - 1) ? `-${fd}` : ` ${fd}`).join("").trim()}]`;
  }).join(" ");
}

/** The first line of what came, at most 40 characters, with nothing that moves the cursor. */
function firstLine(data: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(data.subarray(0, 200)).split(/[\r\n]/, 1)[0];
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, "·");
}
