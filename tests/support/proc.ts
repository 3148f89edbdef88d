/** What the kernel tells of a process: through /proc, and the clock of its CPU time. */
import { libc } from "./syscalls.ts";
import { pause, until } from "./wait.ts";

/** The threads of a process, each with the system call that it sleeps in (of others the number), or "running". */
export function tasks(pid: number): { tid: number; name: string; call: string }[] {
  return list(`/proc/${pid}/task`).map((tid) => ({
    tid: Number(tid),
    name: read(`/proc/${pid}/task/${tid}/comm`).trim(),
    call: nameOf(read(`/proc/${pid}/task/${tid}/syscall`).split(" ")[0].trim()),
  })).filter(({ call }) => call !== "");
}

/** How often the kernel switched a thread: because it waited; because another's turn had come. */
const switched = (pid: number, tid: number): number[] =>
  read(`/proc/${pid}/task/${tid}/status`).match(/(?<=ctxt_switches:\s+)\d+/g)?.map(Number) ?? [];

/** How often a thread has gone to sleep, and so how often it was awake. */
export const sleeps = (pid: number, tid = pid): number => switched(pid, tid)[0];

/** How often the kernel switched the threads that a process has. */
export const switches = (pid: number): number =>
  tasks(pid).flatMap(({ tid }) => switched(pid, tid)).reduce((sum, count) => sum + count, 0);

/** Processes that `pid` has made and not reaped, zombies among them. */
export function children(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((tid) => read(`/proc/${pid}/task/${tid}/children`).split(" "))
    .map(Number).filter((child) => child > 0);
}

/** A process, and all that it and its children have made and not reaped. */
export function tree(pid: number): number[] {
  return [pid, ...children(pid).flatMap(tree)];
}

/** The fields of proc_pid_stat(5), from the state on; of no process an empty one. */
export const stat = (pid: number): string[] => read(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ");

/** Whether a process is there and no zombie. */
export const alive = (pid: number): boolean => !["", "Z", "X"].includes(stat(pid)[0]);

/** The descriptors that a process has open, each with what it leads to, such as "socket:[1234]". */
export const openFiles = (pid: number): { fd: string; file: string }[] =>
  list(`/proc/${pid}/fd`).map((fd) => ({
    fd,
    file: probe(() => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`), ""),
  }));

/** The threads that a lesson has made, by the names that the runtimes give them. */
const workers = (pid: number) => tasks(pid).filter(({ name }) => /^worker/i.test(name));

/** What a server holds. Its sockets are counted without the Unix sockets that a runtime makes for itself. */
export function resources({ pid }: { pid: number }) {
  const unix = read("/proc/net/unix").match(/(?<= )\d+(?= *(?: [/@].*)?$)/gm); // before one of them is closed
  const open = openFiles(pid);
  return {
    sockets: open.filter(({ file }) => /^socket:/.test(file) && !unix?.includes(file.slice(8, -1))).length,
    descriptors: open.length,
    threads: workers(pid).length,
    children: children(pid).filter(alive).length,
  };
}

/** What it holds, once two looks in a row agree: helper threads of the runtime come and go at first. */
export async function settled(server: { pid: number }) {
  let before = "";
  return await until(async () => {
    const now = resources(server);
    if (JSON.stringify(now) === before) return now;
    before = JSON.stringify(now);
    await pause(100);
  }, "a server at rest");
}

/**
 * CPU time in seconds of a process with the children that it has reaped. Its own time is exact: the
 * clock of another process is ~pid << 3 | 2 (clock_getcpuclockid(3)); its children's comes in ticks.
 */
export function cpuSeconds(pid: number): number {
  const time = new BigInt64Array(2);
  libc.clock_gettime(~pid << 3 | 2, new Uint8Array(time.buffer));
  const [user, system] = stat(pid).slice(13).map(Number);
  return Number(time[0]) + Number(time[1]) / 1e9 + (user + system) / 100;
}

/** CPU time in seconds of the main thread of a process alone: proc(5), in ns. */
export const threadSeconds = (pid: number): number =>
  Number(read(`/proc/${pid}/schedstat`).split(" ")[0]) / 1e9;

/** Memory in use, in KiB. */
export function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** What `look` finds of a process, or `nothing` when that has ended meanwhile. */
export function probe<T>(look: () => T, nothing: T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}
/** The text at a path of /proc, or of a folder there the names. */
export const read = (path: string) => probe(() => Deno.readTextFileSync(path), "");
export const list = (path: string) => probe(() => [...Deno.readDirSync(path)].map(({ name }) => name), []);

/** The most descriptors that a process here may have; the runtimes themselves ask for as many. */
export const DESCRIPTOR_LIMIT = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(read("/proc/self/limits"))?.[1]);

/** System calls by number, as /proc/PID/syscall gives them: asm/unistd_64.h, asm-generic/unistd.h. */
const NUMBERS = {
  accept: { x86_64: ["43", "288"], aarch64: ["202", "242"] },
  recv: { x86_64: ["45"], aarch64: ["207"] },
  select: { x86_64: ["23", "270"], aarch64: ["72"] },
  epoll_wait: { x86_64: ["232", "281"], aarch64: ["22"] },
  waitpid: { x86_64: ["61"], aarch64: ["260"] },
};
/** One of them. */
export type Call = keyof typeof NUMBERS;
const nameOf = (call: string) =>
  Object.entries(NUMBERS).find(([, numbers]) => numbers[Deno.build.arch].includes(call))?.[0] ?? call;

/** What the main thread of a process sleeps in, as {@link tasks} gives it. */
export const mainCall = ({ pid }: { pid: number }) => tasks(pid).find(({ tid }) => tid === pid)?.call;

/** The numbers of the workers among the threads of a process that sleep in this call. */
export const workersIn = ({ pid }: { pid: number }, call: Call): number[] =>
  workers(pid).filter((task) => task.call === call).map(({ tid }) => tid);

/** Wait until so many workers sleep in a call, and return them. */
export const asleepIn = (server: { pid: number }, count: number, call: Call) =>
  until(() => workersIn(server, call).length === count && workersIn(server, call));
