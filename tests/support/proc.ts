/** What the kernel tells of a process: through /proc, and the clock of its CPU time. */
import { libc } from "./libc.ts";
import { pause, waitFor } from "./wait.ts";

/** The most descriptors that a process here may have; the runtimes themselves ask for as many. */
export const DESCRIPTOR_LIMIT = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(read("/proc/self/limits"))?.[1]);

/** The threads of a process, each with the number of the system call that it sleeps in, or "running". */
export function tasks(pid: number): { tid: number; name: string; call: string }[] {
  return list(`/proc/${pid}/task`).map((tid) => ({
    tid: Number(tid),
    name: read(`/proc/${pid}/task/${tid}/comm`).trim(),
    call: read(`/proc/${pid}/task/${tid}/syscall`).split(" ")[0].trim(),
  })).filter(({ call }) => call !== "");
}

/** How often a thread has gone to sleep, and so how often it was awake. */
export function sleeps(pid: number, tid = pid): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`/proc/${pid}/task/${tid}/status`))?.[1]);
}

/** How often the kernel switched the threads that a process has: one waited, or another's turn had come. */
export function switches(pid: number): number {
  const counts = tasks(pid).flatMap(({ tid }) =>
    read(`/proc/${pid}/task/${tid}/status`).match(/(?<=ctxt_switches:\s+)\d+/g) ?? []
  );
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

/** Processes that `pid` has made and not reaped, zombies among them. */
export function children(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((tid) => read(`/proc/${pid}/task/${tid}/children`).split(" "))
    .map(Number).filter((child) => child > 0);
}

/** A process, and all that it and its children have made and not reaped. */
export function tree(pid: number): number[] {
  return [pid, ...children(pid).flatMap(tree)];
}

/** Whether a process is there and no zombie. */
export function alive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** How many descriptors a process has open. */
export function descriptors(pid: number): number {
  return list(`/proc/${pid}/fd`).length;
}

/** How many sockets a process has open, without the Unix sockets that a runtime makes for itself. */
function sockets(pid: number): number {
  const unix = new Set(read("/proc/net/unix").match(/(?<= )\d+(?= *(?: [/@].*)?$)/gm));
  return list(`/proc/${pid}/fd`).filter((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode !== undefined && !unix.has(inode);
  }).length;
}

/** What a server holds while nobody is connected. */
export function holdings({ pid }: { pid: number }) {
  const threads = tasks(pid).filter(({ name }) => /^worker/i.test(name)).length;
  return {
    sockets: sockets(pid),
    descriptors: descriptors(pid),
    threads,
    children: children(pid).filter(alive).length,
  };
}

/** The holdings, once two looks in a row agree: helper threads of the runtime come and go at first. */
export async function settled(server: { pid: number }) {
  let last = "";
  return await waitFor("a server at rest", async () => {
    await pause(100);
    const now = holdings(server);
    const same = JSON.stringify(now) === last;
    last = JSON.stringify(now);
    return same && now;
  });
}

/** CPU time of a process in clock ticks (10 ms), without its children's. */
export function cpuTicks(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * CPU time in seconds of a process with the children that it has reaped. Its own time is exact: the
 * clock of another process is ~pid << 3 | 2 (clock_getcpuclockid(3)); its children's comes in ticks.
 */
export function cpuSeconds(pid: number): number {
  const time = new BigInt64Array(2);
  libc.clock_gettime(~pid << 3 | 2, new Uint8Array(time.buffer));
  const fields = read(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return Number(time[0]) + Number(time[1]) / 1e9 + (Number(fields[13]) + Number(fields[14])) / 100;
}

/** CPU time in seconds of the main thread of a process alone: proc(5), schedstat, which counts in ns. */
export function threadSeconds(pid: number): number {
  return Number(read(`/proc/${pid}/schedstat`).split(" ")[0]) / 1e9;
}

/** Memory of a process in KiB, its share of what it shares with others included: Pss, proc(5). */
export function pssKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** Memory in use, in KiB. */
export function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** What is at a path of /proc, or `nothing` when its process has ended meanwhile. */
function probe<T>(read: (path: string) => T, path: string, nothing: T): T {
  try {
    return read(path);
  } catch {
    return nothing;
  }
}
function list(path: string): string[] {
  return probe((path) => [...Deno.readDirSync(path)].map(({ name }) => name), path, []);
}
function readLink(path: string): string {
  return probe(Deno.readLinkSync, path, "");
}
function read(path: string): string {
  return probe(Deno.readTextFileSync, path, "");
}

/** System calls by number, as /proc/PID/syscall gives them: asm/unistd_64.h, asm-generic/unistd.h. */
export const SYSCALL = Deno.build.arch === "x86_64"
  ? {
    accept: ["43"],
    recv: ["45"],
    select: ["23", "270"],
    epoll_wait: ["232", "281"],
    waitpid: ["61"],
    futex: ["202"],
  }
  : {
    accept: ["202"],
    recv: ["207"],
    select: ["72"],
    epoll_wait: ["22"],
    waitpid: ["260"],
    futex: ["98"],
  };

/** What the main thread of a process sleeps in, as {@link tasks} gives it. */
export const mainCall = ({ pid }: { pid: number }): string =>
  tasks(pid).find(({ tid }) => tid === pid)?.call ?? "";

/** The workers among the threads of a process that sleep in one of these calls. */
export const workersIn = ({ pid }: { pid: number }, calls: readonly string[]) =>
  tasks(pid).filter(({ name, call }) => /^worker/i.test(name) && calls.includes(call));

/** The sockets that connect two ports of 127.0.0.1 as seen from `local`: proc_net_tcp(5). */
export function connections(local: number | undefined, remote: number | undefined) {
  const states: Record<string, string> = { "01": "ESTABLISHED", "02": "SYN_SENT", "08": "CLOSE_WAIT" };
  return read("/proc/net/tcp").split("\n").slice(1).flatMap((line) => {
    const match = /: \w+:(\w+) \w+:(\w+) (\w\w) \w+:(\w+)/.exec(line);
    if (!match) return [];
    const [from, to, unread] = [match[1], match[2], match[4]].map((hex) => parseInt(hex, 16));
    if (from !== (local ?? from) || to !== (remote ?? to)) return [];
    return [{ state: states[match[3]] ?? match[3], unread }];
  });
}
