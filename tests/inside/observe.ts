/** What the kernel holds of a server, and how that differs from what a trace tells. */
import { cpuSeconds, list, openFiles, read, tasks, threadSeconds } from "../support/proc.ts";
import { tcpSockets } from "../support/sockets.ts";
import { queued, type State } from "./model.ts";

/** What the kernel tells. */
export interface Observation {
  /**
   * Of a connection, named by its client's port, bytes to receive, the end counted as one; of 0, the listening socket,
   * connections to accept. Of a descriptor, to which of these it leads, or what epoll watches for which events. Of a
   * thread, in which call it sleeps.
   */
  readonly held: string[];
  /** CPU time of the lesson's threads since its start, with that of the children that it has reaped, s. */
  readonly cpu: number;
  /** When that was, s. */
  readonly at: number;
}

/** What has a descriptor, or waits for one: a connection that the server has closed may go on in the kernel for a while. */
const there = ({ sockets }: State) => sockets.filter((socket) => socket.descriptors > 0 || queued(socket));

/** Look at the server whose main process is `main`, at what `state` has: proc(5). */
export function observe(main: number, port: number, state: State): Observation {
  const { processes, threads } = state;
  // The runtime's own threads compile and collect garbage beside the lesson's, on another processor: they don't count.
  const helpers = list(`/proc/${main}/task`).map(Number)
    .filter((tid) => tid !== main && threads.every((thread) => thread.tid !== tid));
  const cpu = helpers.reduce((sum, tid) => sum - threadSeconds(tid), cpuSeconds(main));
  const at = performance.now() / 1000;

  const tcp = tcpSockets(port);
  const held = tcp.filter(({ remote }) => there(state).some(({ port }) => port === remote))
    .map(({ remote, received }) => `${remote}: ${received}`);
  const pidOf = (name: string) => Number(/^child (\d+)/.exec(name)?.[1] ?? main);
  for (const { name, fds } of processes) {
    for (const { fd, file } of openFiles(pidOf(name))) {
      const socket = tcp.find(({ inode }) => file === `socket:[${inode}]`);
      if (socket) held.push(`${name} ${fd}: ${socket.remote}`);
      if (file !== "anon_inode:[eventpoll]" || !(fd in fds)) continue; // else it is the runtime's own
      const entries = read(`/proc/${pidOf(name)}/fdinfo/${fd}`).matchAll(/^tfd: +(\d+) events: +(\w+)/gm);
      for (const [, of, events] of entries) held.push(`${name} ${fd}: ${of} ${events}`);
    }
  }
  for (const { name, tid = pidOf(name) } of threads.filter(({ does }) => does === "asleep")) {
    held.push(`${name} in ${tasks(pidOf(name)).find((task) => task.tid === tid)?.call}`);
  }
  return { held, cpu, at };
}

/** Bits of epoll events; those of ERR and HUP are always set. */
const EVENTS: Record<string, number> = { IN: 1, OUT: 4, ONESHOT: 2 ** 30, ET: 2 ** 31 };
const bits = (events: string[]) => events.reduce((sum, event) => sum + EVENTS[event], 0x18).toString(16);

/** What the trace tells of that. */
function told(state: State): string[] {
  const { processes, threads } = state;
  return [
    ...there(state).map(({ port, queue, unread, fin, ended }) =>
      `${port}: ${queue?.length ?? unread + Number(fin && !ended)}`
    ),
    ...processes.flatMap(({ name, fds }) =>
      Object.entries(fds).flatMap(([fd, file]) =>
        ("port" in file ? [file.port] : file.interest.map(({ fd, events }) => `${fd} ${bits(events)}`))
          .map((what) => `${name} ${fd}: ${what}`)
      )
    ),
    ...threads.filter(({ does }) => does === "asleep").map(({ name, text }) =>
      `${name} in ${/^[a-z_]+/.exec(text)}`
    ),
  ];
}

/** What state and kernel tell differently: nothing, or the recording is wrong. */
export function differences(state: State, { held }: Observation): string[] {
  const trace = told(state);
  return [
    ...trace.filter((line) => !held.includes(line)).map((line) => `only the trace tells ${line}`),
    ...held.filter((line) => !trace.includes(line)).map((line) => `only the kernel tells ${line}`),
  ];
}
