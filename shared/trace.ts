/** `--trace`: print each system call as it happens, in strace's notation, and the line of the lesson that made it. */
import * as epoll from "./epoll.ts";
import { bare, Errno, errno, errorname, type Libc, libc } from "./libc.ts";
import type { CFunction } from "./runtime.ts";
import * as socket from "./socket.ts";
import { write } from "./stdio.ts";

type Args = Parameters<CFunction>;
type Told = [shown: (args: Args) => string, brought?: (args: Args, result: number) => string];
let looked = 0; // at so many descriptors the last select looks

const first = ([fd]: Args) => `${fd}`;
/** The calls that tell a lesson's story: the arguments to show and, of a call that has succeeded, what it brought. */
const TOLD: Record<string, Told> = {
  socket: [() => ""],
  setsockopt: [([fd, level, option]) => `${fd}, ${nameOf(socket, level === 6 ? "TCP_" : "SO_", option)}`],
  bind: [([fd, sockaddr]) => `${fd}, ${address(sockaddr)}`],
  connect: [([fd, sockaddr]) => `${fd}, ${address(sockaddr)}`],
  listen: [([fd, backlog]) => `${fd}, ${backlog}`],
  accept4: [first, ([, sockaddr]) => address(sockaddr)],
  recv: [first, ([, bytes], n) => firstLine(bytes.subarray(0, n))],
  send: [first],
  shutdown: [([fd, how]) => `${fd}, ${nameOf(socket, "SHUT_", how)}`],
  close: [first],
  ioctl: [([fd, , [value]]) => `${fd}, FIONBIO ${value}`],
  select: [
    ([, read, write]) => (looked = bits(read).length + bits(write).length, sets(read, write)),
    ([, read, write], n) => `${sets(read, write)}, looked at ${looked}, ${n} had something`,
  ],
  epoll_create1: [() => ""],
  epoll_ctl: [
    ([epoll, op, fd, [events]]) =>
      `${epoll}, ${["", "ADD", "DEL", "MOD"][op]} ${fd} ${eventNames(events)}`.trim(),
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

/** For thread.ts to set: which thread this is, 0 being the main one, and when its creator began, ms since 1970. */
export const currentThread = { number: 0, origin: performance.timeOrigin };
let child = 0; // the process id, in a child

function print(time: number, text: string, note: string, place: string) {
  const { number, origin } = currentThread;
  const who = child ? `child ${child}` : number ? `worker ${number}` : "main";
  const when = (time + performance.timeOrigin - origin).toFixed(2).padStart(10);
  const line = `${when} ms  ${who.padEnd(12)}  ${text.padEnd(33)}  ${note.padEnd(38)}  ${place}`.trimEnd();
  // One write(2) a line: those of several threads and processes do not mix (in a pipe, up to 4,096 bytes: pipe(7)).
  if (write(1, `${line}\n`) === Errno.EPIPE) bare._exit(0); // as when piped into head
}

/** Calls in a row that found nothing, each with its place. One line has them and their count, every 250 ms. */
const idle = { calls: new Map<string, string>(), count: 0, shown: 0, printed: 0 };
function printIdle(time: number) {
  const [calls, places] = [[...idle.calls.keys()], [...new Set(idle.calls.values())]];
  const named = calls.length > 3 ? `${calls[0]}, ${calls[1]}, … ${calls.at(-1)}` : calls.join(", ");
  const text = idle.count > 1 ? `${named} × ${idle.count.toLocaleString("en")}` : named;
  print(time, text, "", places.join().replace(/,[^,]*:/g, ","));
  idle.printed = time;
  idle.shown = idle.count;
}
function endIdle(time: number) {
  if (idle.count > idle.shown) printIdle(time);
  idle.count = idle.shown = 0;
  idle.calls.clear();
}

const [F_GETFL, O_NONBLOCK] = [3, 0o4000]; // include/uapi/asm-generic/fcntl.h
const isBlocking = (fd: number) => (bare.fcntl(fd, F_GETFL, 0) & O_NONBLOCK) === 0;

/** Make a call, and tell of it. */
function traced(name: string, call: CFunction, args: Args): number {
  const [shown, brought] = TOLD[name];
  const text = `${name}(${shown(args)})`;
  const started = performance.now();
  const waits = /^(select|epoll_wait)$/.test(name) || /^(accept4|recv)$/.test(name) && isBlocking(args[0]);
  const again = idle.calls.get(`${text} = -1 EAGAIN`);
  const place = again ?? lessonLine(); // finding it takes longer than the call
  const begins = waits && again === undefined || name === "_exit";
  if (begins || name === "fork") endIdle(started); // or a child would print it again
  if (begins) print(started, name === "_exit" ? text : `${text} …`, "", place);

  const result = call(...args);
  const code = result === -1 ? errno[0] : 0;

  const now = performance.now();
  const line = `${text} = ${code === 0 ? result : `-1 ${errorname(code)}`}`;
  if (code === Errno.EAGAIN || name === "waitpid" && result <= 0) {
    idle.calls.set(line, place);
    idle.count++;
    if (now - idle.printed >= 250) printIdle(now);
  } else {
    endIdle(now);
    if (name === "fork" && result === 0) child = bare.getpid();
    const waited = waits && now - started >= 0.1 ? `waited ${(now - started).toFixed(1)} ms` : "";
    const note = code === 0 && brought ? brought(args, result) : "";
    print(now, line, [waited, note].filter(Boolean).join(", "), place);
  }
  if (code !== 0) errno[0] = code; // printing may have changed it
  return result;
}

/** Tell of a thread: thread.ts asks for it now, and calls what this returns with its gettid(2), when it runs. */
export function creatingThread(number: number): (tid: number) => void {
  const [time, place] = [performance.now(), lessonLine()];
  const ran = () => (performance.now() - time).toFixed(1);
  return (tid) => print(time, `clone() = ${tid}`, `worker ${number}, runs after ${ran()} ms`, place);
}
/** Tell that this thread is about to end. */
export const endingThread = (): void => print(performance.now(), "exit(0)", "", "");

const HERE = new URL(".", import.meta.url).pathname;
const SHARED = [HERE, decodeURI(HERE)]; // a runtime has it in its stacks as one or the other
/** The line of the lesson from which this was called: `06-epoll.ts:59`. */
function lessonLine(): string {
  for (const frame of new Error().stack?.split("\n") ?? []) {
    // Files of the runtime itself have no path that begins with a slash.
    const [, path, name, line] = /(?:^|[ (@]|file:\/\/)(\/(?:.*\/)?([^/]+)):(\d+):\d+\)?$/.exec(frame) ?? [];
    if (path && !SHARED.some((folder) => path.startsWith(folder))) return `${name}:${line}`;
  }
  return "";
}

/** The name that a module has for a value, of those that begin so. */
const nameOf = (module: object, prefix: string, value: number) =>
  Object.entries(module).find(([name, known]) => name.startsWith(prefix) && known === value)?.[0] ?? value;
const address = (sockaddr: Uint8Array) => socket.socketAddress(sockaddr).join(":");

/** `EPOLLIN | EPOLLHUP` as `IN|HUP`, the lower bits first. */
const eventNames = (events: number) =>
  Array.from({ length: 32 }, (_, i) => events & 1 << i).filter(Boolean)
    .map((bit) => `${nameOf(epoll, "EPOLL", bit)}`.replace("EPOLL", "")).join("|");

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
