/** What the kernel holds of a server, and how that differs from what a trace tells. */
import { cpuSeconds, isNamed, tasks } from "../support/proc.ts";
import { type TcpSocket, tcpSockets } from "../support/sockets.ts";
import type { State } from "./model.ts";

export interface Observation {
  readonly tcp: TcpSocket[];
  /** By process and descriptor: the inodes of these sockets. */
  readonly tables: Record<string, Record<number, number>>;
  /** By descriptor of an epoll: its interest list, descriptors and events. */
  readonly interest: Record<number, [fd: number, events: number][]>;
  /** By thread: the system call that it sleeps in, and the function of the kernel. */
  readonly asleep: Record<string, { call: string; wchan: string }>;
  /** CPU time of the server since its start, with that of the children that it has reaped, s; and when that was, s. */
  readonly cpu: number;
  readonly at: number;
}

/** What is at a path of /proc, or nothing when its process has ended meanwhile. */
function probe<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch {
    return nothing;
  }
}

const pidOf = (main: number, who: string) => Number(/^child (\d+)/.exec(who)?.[1] ?? main);

/** Look at the server whose main process is `main`, at the processes and threads that `state` has: proc(5). */
export function observe(main: number, port: number, state: State): Observation {
  const tcp = tcpSockets(port);
  const [tables, interest, asleep]: [Observation["tables"], Observation["interest"], Observation["asleep"]] =
    [
      {},
      {},
      {},
    ];
  for (const { name, fds, zombie } of state.processes) {
    const pid = pidOf(main, name);
    if (zombie) continue;
    tables[name] = {};
    for (const { name: fd } of probe(() => [...Deno.readDirSync(`/proc/${pid}/fd`)], [])) {
      const inode = Number(/\d+/.exec(probe(() => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`), ""))?.[0]);
      if (tcp.some((socket) => socket.inode === inode)) tables[name][Number(fd)] = inode;
      if (!state.epolls.some(({ id }) => id === fds[Number(fd)])) continue;
      const text = probe(() => Deno.readTextFileSync(`/proc/${pid}/fdinfo/${fd}`), "");
      interest[Number(fd)] = [...text.matchAll(/^tfd: +(\d+) events: +(\w+)/gm)]
        .map(([, fd, events]) => [Number(fd), parseInt(events, 16)]);
    }
  }
  for (const { name, tid } of state.threads) {
    const pid = pidOf(main, name);
    const task = tasks(pid).find((task) => task.tid === (tid ?? pid));
    const call = task && isNamed(task.call) ? task.call : undefined;
    const wchan = probe(() => Deno.readTextFileSync(`/proc/${pid}/task/${task?.tid}/wchan`), "");
    if (call) asleep[name] = { call, wchan: wchan.split(".")[0] };
  }
  return { tcp, tables, interest, asleep, cpu: cpuSeconds(main), at: performance.now() / 1000 };
}

const EVENTS: Record<string, number> = { IN: 1, OUT: 4, ONESHOT: 2 ** 30, ET: 2 ** 31 };
const ALWAYS = 0x18; // EPOLLERR, EPOLLHUP

/** What state and kernel tell differently: nothing, or the recording is wrong. */
export function differences(state: State, { tcp, tables, interest, asleep }: Observation): string[] {
  const found: string[] = [];
  const compare = (what: string, told: unknown, kernel: unknown) => {
    const [a, b] = [told, kernel].map((value) => JSON.stringify(value));
    if (a !== b) found.push(`${what}: the trace tells ${a}, the kernel ${b}`);
  };
  /** The inode of each socket, which is the same in all tables. */
  const inodes = new Map<number, number>();
  for (const { name, fds, zombie } of state.processes) {
    if (zombie) continue;
    const sockets = Object.entries(fds).filter(([, id]) => state.sockets.some((socket) => socket.id === id));
    compare(`descriptors of ${name}`, sockets.map(([fd]) => fd), Object.keys(tables[name]));
    for (const [fd, id] of sockets) {
      const inode = tables[name][Number(fd)];
      compare(`inode of ${fd} in ${name}`, inodes.get(id) ?? inode, inode);
      inodes.set(id, inode);
    }
    for (const epoll of state.epolls) {
      const fd = Number(Object.keys(fds).find((fd) => fds[Number(fd)] === epoll.id));
      const bits = (events: readonly string[]) => events.reduce((sum, event) => sum + EVENTS[event], ALWAYS);
      const told = epoll.interest.map(({ fd, events }) => [fd, bits(events)]);
      compare(`interest list of ${fd}`, told.sort(), interest[fd].toSorted());
    }
  }
  compare("as many inodes as sockets", inodes.size, new Set(inodes.values()).size);
  for (const { id, client, queue, unread, fin, ended } of state.sockets) {
    const port = state.clients.find(({ name }) => name === client)?.port ?? 0;
    const seen = tcp.find(({ remote }) => remote === port);
    compare(
      `what waits for ${client ?? "accept"}`,
      queue?.length ?? unread + (fin && !ended ? 1 : 0),
      seen?.received,
    );
    compare(`inode of ${client ?? "the listening socket"}`, inodes.get(id) ?? 0, seen?.inode);
  }
  for (const { name, inside, call } of state.threads) {
    if (inside) compare(`call of ${name}`, call.replace("accept4", "accept"), asleep[name]?.call);
  }
  return found;
}
