/** What the kernel holds of a server, and how that differs from what a trace tells. */
import { cpuSeconds, isNamed, list, probe, read, tasks, threadSeconds } from "../support/proc.ts";
import { tcpSockets } from "../support/sockets.ts";
import { queued, references, type State } from "./model.ts";

/** What the kernel tells. */
export interface Observation {
  /** By process and descriptor: the client's port of the connection that it leads to; 0: the listening socket. */
  readonly tables: Record<string, Record<string, number>>;
  /** By the same ports: bytes to receive, the end counted as one, or connections to accept. */
  readonly waiting: Record<number, number>;
  /** By descriptor of an epoll: its interest list, descriptors and events. */
  readonly interest: Record<string, [fd: number, events: number][]>;
  /** By thread: the system call that it sleeps in. */
  readonly asleep: Record<string, string>;
  /** CPU time of the lesson's threads since its start, with that of the children that it has reaped, s. */
  readonly cpu: number;
  /** When that was, s. */
  readonly at: number;
}

/** Look at the server whose main process is `main`, at the processes and threads that `state` has: proc(5). */
export function observe(main: number, port: number, { processes, threads }: State): Observation {
  // The runtime's own threads compile and collect garbage beside the lesson's, on another processor: they don't count.
  const helpers = list(`/proc/${main}/task`).map(Number)
    .filter((tid) => tid !== main && threads.every((thread) => thread.tid !== tid));
  const cpu = helpers.reduce((sum, tid) => sum - threadSeconds(tid), cpuSeconds(main));
  const [at, tcp] = [performance.now() / 1000, tcpSockets(port)];
  const waiting = Object.fromEntries(tcp.map(({ remote, received }) => [remote, received]));
  const seen: Observation = { tables: {}, waiting, interest: {}, asleep: {}, cpu, at };
  const pidOf = (who: string) => Number(/^child (\d+)/.exec(who)?.[1] ?? main);
  for (const { name } of processes.filter(({ ended }) => !ended)) {
    const proc = `/proc/${pidOf(name)}`;
    seen.tables[name] = {};
    for (const fd of list(`${proc}/fd`)) {
      const link = probe(() => Deno.readLinkSync(`${proc}/fd/${fd}`), "");
      const socket = tcp.find(({ inode }) => link === `socket:[${inode}]`);
      if (socket) seen.tables[name][fd] = socket.remote;
      if (link !== "anon_inode:[eventpoll]") continue;
      seen.interest[fd] = [...read(`${proc}/fdinfo/${fd}`).matchAll(/^tfd: +(\d+) events: +(\w+)/gm)]
        .map(([, fd, events]) => [Number(fd), parseInt(events, 16)]);
    }
  }
  for (const { name, tid } of threads) {
    const pid = pidOf(name);
    const task = tasks(pid).find((task) => task.tid === (tid ?? pid));
    if (task && isNamed(task.call)) seen.asleep[name] = task.call;
  }
  return seen;
}

/** Bits of epoll events; those of ERR and HUP are always set. */
const EVENTS: Record<string, number> = { IN: 1, OUT: 4, ONESHOT: 2 ** 30, ET: 2 ** 31 };
const bits = (events: readonly string[]) => events.reduce((sum, event) => sum + EVENTS[event], 0x18);

type Held = Pick<Observation, "tables" | "waiting" | "interest" | "asleep">;
/** What the trace tells of that. */
function told(state: State): Held {
  const held: Held = { tables: {}, waiting: {}, interest: {}, asleep: {} };
  for (const socket of state.sockets.filter((one) => references(state, one) > 0 || queued(state, one))) {
    const { port, queue, unread, fin, ended } = socket;
    held.waiting[port] = queue?.length ?? unread + Number(fin && !ended);
  }
  for (const { name, fds } of state.processes.filter(({ ended }) => !ended)) {
    held.tables[name] = {};
    for (const [fd, file] of Object.entries(fds)) {
      if ("port" in file) held.tables[name][fd] = file.port;
      else held.interest[fd] = file.interest.map(({ fd, events }) => [fd, bits(events)]);
    }
  }
  for (const { name, inside } of state.threads) {
    if (inside) held.asleep[name] = inside.call.replace("accept4", "accept");
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
