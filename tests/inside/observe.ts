/** What the kernel holds of a server, and how that differs from what a trace tells. */
import { cpuSeconds, isNamed, list, probe, read, tasks } from "../support/proc.ts";
import { tcpSockets } from "../support/sockets.ts";
import type { State } from "./model.ts";

/** What both can tell. */
interface Held {
  /** By process and descriptor: the client's port of the connection that it leads to; 0: the listening socket. */
  readonly tables: Record<string, Record<string, number>>;
  /** By the same ports: bytes to receive, the end counted as one, or connections to accept. */
  readonly waiting: Record<number, number>;
  /** By descriptor of an epoll: its interest list, descriptors and events. */
  readonly interest: Record<string, [fd: number, events: number][]>;
  /** By thread: the system call that it sleeps in. */
  readonly asleep: Record<string, string>;
}

/** What the kernel tells. */
export interface Observation extends Held {
  /** By thread: the function of the kernel that it sleeps in. */
  readonly wchan: Record<string, string>;
  /** CPU time of the server since its start, with that of the children that it has reaped, s; and when that was, s. */
  readonly cpu: number;
  readonly at: number;
}

/** Look at the server whose main process is `main`, at the processes and threads that `state` has: proc(5). */
export function observe(main: number, port: number, { processes, epolls, threads }: State): Observation {
  const [time, tcp] = [{ cpu: cpuSeconds(main), at: performance.now() / 1000 }, tcpSockets(port)];
  const waiting = Object.fromEntries(tcp.map(({ remote, received }) => [remote, received]));
  const seen: Observation = { tables: {}, waiting, interest: {}, asleep: {}, wchan: {}, ...time };
  const pidOf = (who: string) => Number(/^child (\d+)/.exec(who)?.[1] ?? main);
  for (const { name, fds } of processes.filter(({ zombie }) => !zombie)) {
    const proc = `/proc/${pidOf(name)}`;
    seen.tables[name] = {};
    for (const fd of list(`${proc}/fd`)) {
      const inode = Number(
        /^socket:\[(\d+)\]$/.exec(probe(() => Deno.readLinkSync(`${proc}/fd/${fd}`), ""))?.[1],
      );
      const socket = tcp.find((socket) => socket.inode === inode);
      if (socket) seen.tables[name][fd] = socket.remote;
      if (!epolls.some(({ id }) => id === fds[Number(fd)])) continue;
      seen.interest[fd] = [...read(`${proc}/fdinfo/${fd}`).matchAll(/^tfd: +(\d+) events: +(\w+)/gm)]
        .map(([, fd, events]) => [Number(fd), parseInt(events, 16)]);
    }
  }
  for (const { name, tid } of threads) {
    const pid = pidOf(name);
    const task = tasks(pid).find((task) => task.tid === (tid ?? pid));
    if (!task || !isNamed(task.call)) continue;
    seen.asleep[name] = task.call;
    seen.wchan[name] = read(`/proc/${pid}/task/${task.tid}/wchan`).split(".")[0];
  }
  return seen;
}

const EVENTS: Record<string, number> = { IN: 1, OUT: 4, ONESHOT: 2 ** 30, ET: 2 ** 31 };
const ALWAYS = 0x18; // EPOLLERR, EPOLLHUP

/** What the trace tells. */
function told({ processes, sockets, epolls, clients, threads }: State): Held {
  const held: Held = { tables: {}, waiting: {}, interest: {}, asleep: {} };
  const ports = new Map(sockets.map(({ id, client, queue, unread, fin, ended }) => {
    const port = clients.find(({ name }) => name === client)?.port ?? 0;
    held.waiting[port] = queue?.length ?? unread + (fin && !ended ? 1 : 0);
    return [id, port];
  }));
  for (const { name, fds } of processes.filter(({ zombie }) => !zombie)) {
    held.tables[name] = {};
    for (const [fd, id] of Object.entries(fds)) {
      if (ports.has(id)) held.tables[name][fd] = ports.get(id)!;
      const list = epolls.find((epoll) => epoll.id === id)?.interest;
      const bits = (events: readonly string[]) => events.reduce((sum, event) => sum + EVENTS[event], ALWAYS);
      if (list) held.interest[fd] = list.map(({ fd, events }) => [fd, bits(events)]);
    }
  }
  for (const { name, inside, call } of threads) {
    if (inside) held.asleep[name] = call.replace("accept4", "accept");
  }
  return held;
}

/** What state and kernel tell differently: nothing, or the recording is wrong. */
export function differences(state: State, seen: Observation): string[] {
  const sorted = (value: unknown) => JSON.stringify(Array.isArray(value) ? value.toSorted() : value);
  return Object.entries(told(state)).flatMap(([kind, all]) =>
    Object.entries(all).flatMap(([name, value]) => {
      const kernel = seen[kind as keyof Held] as Record<string, unknown>;
      const [a, b] = [value, kernel[name]].map(sorted);
      return a === b ? [] : `${kind} of ${name}: the trace tells ${a}, the kernel ${b}`;
    })
  );
}
