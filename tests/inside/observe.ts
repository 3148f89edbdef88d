/** What the kernel tells of a server: proc(5), proc_pid_fdinfo(5), sock_diag(7). How that differs from what a trace tells. */
import { libc } from "../support/libc.ts";
import { cpuSeconds, SYSCALL, tasks } from "../support/proc.ts";
import type { State } from "./model.ts";

/** A TCP socket whose own port is the server's. */
export interface TcpEntry {
  /** The client's port; 0: it is the listening socket. */
  readonly remote: number;
  /** Bytes to receive, an end of the stream counted as one; of a listening socket how many connections are queued. */
  readonly rx: number;
  /** 0: no process has it yet. */
  readonly inode: number;
  /** The client has closed its side. */
  readonly closed: boolean;
}

export interface Observation {
  readonly tcp: TcpEntry[];
  /** By the process's name: its descriptors that lead to these sockets, and of each the inode. */
  readonly tables: Record<string, Record<number, number>>;
  /** By descriptor of an epoll: the descriptors on its interest list, and their events. */
  readonly epolls: Record<number, Record<number, number>>;
  /** By the thread's name: the system call that it sleeps in, and the function of the kernel. */
  readonly asleep: Record<string, { call: string; wchan: string }>;
  /** CPU time of the server since its start, with that of the children that it has reaped, s; and when that was, s. */
  readonly cpu: number;
  readonly at: number;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // the process has ended meanwhile
  }
}

const [AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG] = [16, 3, 4];
const [SOCK_DIAG_BY_FAMILY, NLMSG_DONE, REQUEST_DUMP] = [20, 3, 0x301];
const [AF_INET, IPPROTO_TCP, TIME_WAIT, CLOSE_WAIT] = [2, 6, 6, 8];

/**
 * The sockets of a server, with their queues: sock_diag(7), as `ss` asks it. /proc/net/tcp has the same figures, but
 * beside a hundred thousand other sockets no reader gets them in one instant.
 */
export function tcpEntries(port: number): TcpEntry[] {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
  const request = new DataView(new ArrayBuffer(72)); // struct nlmsghdr, struct inet_diag_req_v2
  request.setUint32(0, request.byteLength, true);
  request.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  request.setUint16(6, REQUEST_DUMP, true);
  request.setUint8(16, AF_INET);
  request.setUint8(17, IPPROTO_TCP);
  request.setUint32(20, ~(1 << TIME_WAIT), true);
  request.setUint16(24, port);
  libc.send(fd, new Uint8Array(request.buffer), request.byteLength, 0);
  const found: TcpEntry[] = [];
  const reply = new Uint8Array(64 * 1024);
  for (let done = false; !done;) {
    const length = libc.recv(fd, reply, reply.length, 0);
    for (let at = 0; at < length && !done;) { // struct nlmsghdr, struct inet_diag_msg
      const view = new DataView(reply.buffer, at);
      done = view.getUint16(4, true) === NLMSG_DONE;
      if (!done) {
        found.push({
          remote: view.getUint16(22),
          rx: view.getUint32(72, true),
          inode: view.getUint32(84, true),
          closed: view.getUint8(17) === CLOSE_WAIT,
        });
      }
      at += view.getUint32(0, true) + 3 & ~3;
    }
    done ||= length <= 0;
  }
  libc.close(fd);
  return found;
}

/** Look at a server whose main process is `pid`, with the processes and threads that `state` has. */
export function observe(pid: number, port: number, state: State): Observation {
  const tcp = tcpEntries(port);
  const inodes = new Set(tcp.map(({ inode }) => inode));
  const tables: Observation["tables"] = {};
  const epolls: Observation["epolls"] = {};
  for (const process of state.processes.filter(({ zombie }) => !zombie)) {
    const folder = `/proc/${process.pid ?? pid}`;
    const table: Record<number, number> = tables[process.name] = {};
    for (const [fd, link] of links(`${folder}/fd`)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(link)?.[1]);
      if (inodes.has(inode) || process.fds[fd] !== undefined && !Number.isNaN(inode)) table[fd] = inode;
      if (!state.epolls.some(({ id }) => id === process.fds[fd])) continue;
      const entries = read(`${folder}/fdinfo/${fd}`).matchAll(/^tfd: +(\d+) events: +(\w+)/gm);
      epolls[fd] = Object.fromEntries([...entries].map(([, fd, events]) => [fd, parseInt(events, 16)]));
    }
  }
  const asleep: Observation["asleep"] = {};
  for (const { name, process, tid } of state.threads) {
    const id = state.processes.find(({ name }) => name === process)?.pid ?? pid;
    const task = tasks(id).find((task) => task.tid === (tid ?? id));
    const call = Object.entries(SYSCALL).find(([, numbers]) => numbers.includes(task?.call ?? ""))?.[0];
    if (call) asleep[name] = { call, wchan: read(`/proc/${id}/task/${tid ?? id}/wchan`) };
  }
  return { tcp, tables, epolls, asleep, cpu: cpuSeconds(pid), at: performance.now() / 1000 };
}

function links(folder: string): [fd: number, link: string][] {
  try {
    return [...Deno.readDirSync(folder)].map((
      { name },
    ) => [Number(name), Deno.readLinkSync(`${folder}/${name}`)]);
  } catch {
    return [];
  }
}

const EVENTS = { IN: 1, OUT: 4, ET: 2 ** 31, ONESHOT: 2 ** 30 };
const ALWAYS = 0x18; // EPOLLERR | EPOLLHUP

/** What the state and the kernel tell differently: nothing, or the recording is wrong. */
export function differences(state: State, seen: Observation): string[] {
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
    compare(`descriptors of ${name}`, sockets.map(([fd]) => fd), Object.keys(seen.tables[name]));
    for (const [fd, id] of sockets) {
      const inode = seen.tables[name][Number(fd)];
      compare(`inode of ${fd} in ${name}`, inodes.get(id) ?? inode, inode);
      inodes.set(id, inode);
    }
    for (const [fd, id] of Object.entries(fds)) {
      const epoll = state.epolls.find((epoll) => epoll.id === id);
      if (!epoll) continue;
      const interest = epoll.interest.map(({ fd, events }) => [
        fd,
        events.reduce((bits, event) => bits + EVENTS[event as keyof typeof EVENTS], ALWAYS),
      ]);
      const kernel = Object.entries(seen.epolls[Number(fd)] ?? {}).map((
        [fd, events],
      ) => [Number(fd), events]);
      compare(`interest list of ${fd}`, interest.sort(), kernel.sort());
    }
  }
  compare("one inode for each socket", new Set(inodes.values()).size, inodes.size);
  for (const { id, client, queue, unread, fin, ended } of state.sockets) {
    if (queue) {
      compare("accept queue", queue.length, seen.tcp.find(({ remote }) => remote === 0)?.rx);
      continue;
    }
    const port = state.clients.find(({ name }) => name === client)?.port;
    const entry = seen.tcp.find(({ remote }) => remote === port);
    compare(`unread of ${client}`, unread + (fin && !ended ? 1 : 0), entry?.rx);
    compare(`inode of ${client}`, inodes.get(id) ?? 0, entry?.inode);
  }
  for (const { name, inside, call } of state.threads) {
    if (inside) {
      compare(`call of ${name}`, call.replace("accept4", "accept"), seen.asleep[name]?.call);
    }
  }
  return found;
}
