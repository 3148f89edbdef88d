/**
 * What clients, server and kernel hold after each line of a trace: a pure function, which runs in the page too. How the
 * kernel does it: accept(2), select(2), epoll(7), tcp(7); net/ipv4 and fs/eventpoll.c of Linux.
 */
import type { Line } from "../support/trace_lines.ts";

/** A TCP socket in the kernel, from socket(2) or from a client's handshake on. */
export interface Socket {
  readonly id: number;
  /** Who is at the other end. */
  readonly client?: string;
  /** Of a listening socket: connections that nobody has accepted, the first one first. */
  queue?: number[];
  /** Bytes that came, and that nobody has received yet. */
  unread: number;
  /** No more will come: the client has closed its side, or ours is shut for reading. And whether recv has brought that. */
  fin: boolean;
  ended: boolean;
  /** Our side has said that it sends no more. */
  shut: boolean;
  /** O_NONBLOCK belongs to the socket, not to a descriptor. */
  nonblocking: boolean;
}

/** What is on an epoll's interest list. */
export interface Interest {
  readonly fd: number;
  readonly socket: number;
  readonly events: readonly string[];
}

/** An epoll instance. */
export interface Epoll {
  readonly id: number;
  interest: Interest[];
  /** The sockets on its ready list. Linux does not show that list: it follows from the rest. */
  ready: number[];
}

/** A process: a descriptor is an index into its table, and an entry leads to the id of a socket or an epoll. */
export interface Process {
  readonly name: string;
  /** Of a child. */
  readonly pid?: number;
  readonly fds: Record<number, number>;
  /** It has ended, and its parent has not called waitpid yet. */
  zombie: boolean;
}

export interface Thread {
  readonly name: string;
  readonly process: string;
  tid?: number;
  /** Where in the lesson it is, and the call that it made last. */
  place: string;
  call: string;
  /** The call that it is in, as the trace has it, whether it sleeps there, and since which step. */
  inside?: { readonly text: string; readonly fd: number; readonly sleeps: boolean; readonly since: number };
  /** What it sleeps for has come. */
  woken: boolean;
  /** So many calls in a row have found nothing. */
  spins: number;
  /** The descriptors in the set of its select: what was asked, and what the kernel has written over it. */
  select?: { readonly asked: number[]; readonly came?: number[] };
}

export interface Client {
  readonly name: string;
  readonly port: number;
  readonly socket: number;
  /** Bytes that it has sent to the server, and the server to it. */
  asked: number;
  sent: number;
  /** The server has said that no more comes; the client has closed its side. */
  over: boolean;
  gone: boolean;
}

export interface State {
  step: number;
  sockets: Socket[];
  epolls: Epoll[];
  processes: Process[];
  threads: Thread[];
  clients: Client[];
  /** What the server has printed beside its trace. */
  said: string[];
  /** What the trace says and the kernel would not do: a recording fails with it. */
  doubt?: string;
}

/** Before the first line. */
export const START: State = {
  step: 0,
  sockets: [],
  epolls: [],
  processes: [],
  threads: [],
  clients: [],
  said: [],
};

/** The descriptors in the first set of a text: `[21 23-25]`. */
export function numbers(text: string): number[] {
  return (/\[(.*?)\]/.exec(text)?.[1] ?? "").split(" ").filter(Boolean).flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The parts of a call: `epoll_ctl(22, ADD 21 IN) = 0`. */
export function parts(text: string): { args: string[]; result: number; error?: string } {
  const [, args = "", result = "", error] = /^\w+\((.*?)\)(?: = (-?\d+) ?(E\w+)?)?/.exec(text) ?? [];
  return { args: args.split(/[ ,]+/), result: Number(result), error };
}

export const processOf = (state: State, who: string): Process =>
  state.processes.find(({ name }) => name === (who.startsWith("child") ? who : "main"))!;
const socketBy = (state: State, id: number) => state.sockets.find((socket) => socket.id === id);
/** What a descriptor of a thread's leads to, if that is a socket. */
export const socketAt = (state: State, who: string, fd: number): Socket | undefined =>
  socketBy(state, processOf(state, who)?.fds[fd]);
const epollAt = (state: State, who: string, fd: number) =>
  state.epolls.find(({ id }) => id === processOf(state, who).fds[fd]);
export const clientOf = (state: State, socket?: Socket): Client | undefined =>
  state.clients.find(({ name }) => name === socket?.client);
/** How many descriptors, of all processes, lead to it. */
export const references = (state: State, id: number): number =>
  state.processes.flatMap(({ fds }) => Object.values(fds)).filter((to) => to === id).length;

/** What can be told of a socket. */
export function readiness({ queue, client, unread, fin, shut }: Socket): string[] {
  const readable = queue ? queue.length > 0 : unread > 0 || fin;
  return [...readable ? ["IN"] : [], ...client ? ["OUT"] : [], ...fin && shut ? ["HUP"] : []];
}
/** What epoll is to tell of it, which is HUP whether or not it is asked for. */
const told = ({ events }: Interest, socket: Socket) =>
  readiness(socket).filter((event) => event === "HUP" || events.includes(event));

/** Who sleeps in its wait queue, the first one first. Epoll has an entry of its own in it, and does not sleep. */
export const sleepersOn = (state: State, { id }: Socket): Thread[] =>
  state.threads.filter(({ name, inside, call, select }) => {
    const fds = call === "select" ? select!.asked : [inside?.fd ?? -1];
    return inside?.sleeps && fds.some((fd) => socketAt(state, name, fd)?.id === id);
  }).sort((a, b) => a.inside!.since - b.inside!.since);
/** Who sleeps in an epoll's wait queue. */
export const sleepersIn = (state: State, epoll: Epoll): Thread[] =>
  state.threads.filter(({ name, inside }) => inside?.sleeps && epollAt(state, name, inside.fd) === epoll);

/** Whether the call that a thread is in need not wait. */
function finds(state: State, { name, call, select }: Thread, fd: number): boolean {
  const epoll = epollAt(state, name, fd);
  if (epoll) { // epoll_wait asks each socket on the ready list once more
    epoll.ready = epoll.ready.filter((id) =>
      epoll.interest.some((entry) => entry.socket === id && told(entry, socketBy(state, id)!).length > 0)
    );
    return epoll.ready.length > 0;
  }
  const fds = call === "select" ? select!.asked : [fd];
  return fds.some((fd) => {
    const socket = socketAt(state, name, fd);
    return !socket || readiness(socket).includes("IN");
  });
}

/** Something has come to a socket: that wakes who sleeps for it, and puts it on ready lists. */
function arrive(state: State, socket: Socket) {
  for (const thread of sleepersOn(state, socket).filter(({ woken }) => !woken)) {
    thread.woken = true;
    if (thread.call === "accept4") break; // of those who accept, the kernel wakes the first
  }
  for (const epoll of state.epolls) {
    const entry = epoll.interest.find((entry) => entry.socket === socket.id);
    if (!entry || told(entry, socket).length === 0) continue;
    if (!epoll.ready.includes(socket.id)) epoll.ready.push(socket.id);
    for (const thread of sleepersIn(state, epoll)) thread.woken = true;
  }
}

/** The state after a line. */
export function advance(before: State, line: Line): State {
  const state = structuredClone(before);
  state.step++;
  state.doubt = undefined;
  try {
    if (line.who.startsWith("client")) clientDoes(state, line);
    else if (line.who === "output") state.said.push(line.text);
    else serverDoes(state, line);
  } catch (error) { // a reader's lesson may do what no lesson does
    state.doubt = `${line.who} ${line.text}: ${error}`;
  }
  for (const thread of state.threads) { // another one may have taken what it was woken for: it sleeps on
    thread.woken &&= finds(state, thread, thread.inside!.fd);
  }
  return state;
}

/** All states, from the one before the first line on. */
export function states(lines: readonly Line[]): State[] {
  const all = [START];
  for (const line of lines) all.push(advance(all.at(-1)!, line));
  return all;
}

function newSocket(state: State, client?: string): number {
  const flags = { unread: 0, fin: false, ended: false, shut: false, nonblocking: false };
  return state.sockets.push({ id: state.step, client, ...flags }), state.step;
}

function clientDoes(state: State, { who, text, call, note }: Line) {
  if (call === "connects") {
    const socket = newSocket(state, who);
    const counts = { asked: 0, sent: 0, over: false, gone: false };
    state.clients.push({ name: who, port: Number(note.split(":")[1]), socket, ...counts });
    const listening = state.sockets.find(({ queue }) => queue)!;
    listening.queue!.push(socket);
    return arrive(state, listening);
  }
  const client = state.clients.find(({ name }) => name === who)!;
  const socket = socketBy(state, client.socket);
  const bytes = Number(/\d+/.exec(text)?.[0] ?? 0);
  client.asked += bytes;
  client.gone ||= call === "closes";
  if (!socket) return;
  socket.unread += bytes;
  socket.fin ||= client.gone;
  arrive(state, socket);
}

function threadOf(state: State, who: string): Thread {
  const found = state.threads.find(({ name }) => name === who);
  if (found) return found;
  const child = who.startsWith("child");
  const process = child ? who : "main";
  if (!processOf(state, who)) { // a child has a copy of its parent's table
    const fds = { ...processOf(state, "main")?.fds };
    state.processes.push({
      name: process,
      pid: child ? Number(who.split(" ")[1]) : undefined,
      fds,
      zombie: false,
    });
  }
  const thread: Thread = { name: who, process, place: "", call: "", woken: false, spins: 0 };
  state.threads.push(thread);
  return thread;
}

function serverDoes(state: State, line: Line) {
  const { who, text, call, place, count, waits } = line;
  const thread = threadOf(state, who);
  if (place) thread.place = place;
  if (count !== undefined) {
    // When accept's limit of time was over, it has fallen asleep in the next one.
    if (thread.call !== "accept4") thread.inside = undefined;
    if (!thread.inside && call !== "waitpid") thread.spins = count;
    return;
  }
  // What accept found at its limit of time is folded into a count, and waitpid follows.
  if (thread.inside && thread.call !== call && call !== "waitpid") {
    state.doubt = `${who} ${text}: it is in ${thread.call}`;
  }
  Object.assign(thread, { spins: 0, call, inside: undefined, woken: false });
  if (!waits) return returns(state, line, thread);
  if (call === "select") thread.select = { asked: numbers(text) };
  const fd = Number(parts(text).args[0]);
  thread.inside = { text, fd, sleeps: !finds(state, thread, fd), since: state.step };
}

function returns(state: State, { who, text, call, note }: Line, thread: Thread) {
  const { args, result, error } = parts(text);
  const { fds } = processOf(state, who);
  const fd = Number(args[0]);
  const socket = socketAt(state, who, fd)!;
  const expect = (what: string, so: boolean) => {
    if (!so) state.doubt ??= `${who} ${text} ${note}: ${what}`;
  };
  if (error && call !== "recv") return;
  switch (call) {
    case "socket":
      fds[result] = newSocket(state);
      return;
    case "listen":
      socket.queue = [];
      return;
    case "ioctl":
      socket.nonblocking = args[2] === "1";
      return;
    case "accept4": {
      const client = state.clients.findLast(({ port }) => note.endsWith(`:${port}`))!;
      expect(`the first in the queue is ${socket.queue![0]}`, client.socket === socket.queue![0]);
      socket.queue = socket.queue!.filter((id) => id !== client.socket);
      fds[result] = client.socket;
      return;
    }
    case "recv":
      expect(
        `${socket.unread} bytes are there`,
        result > 0 ? socket.unread >= result : !socket.unread || !!error,
      );
      expect("no end has come", result > 0 || !!error || socket.fin);
      socket.unread = Math.max(socket.unread - Math.max(result, 0), 0);
      if (result <= 0) socket.fin = socket.ended = true;
      return;
    case "send":
      clientOf(state, socket)!.sent += result;
      return;
    case "shutdown":
      socket.shut = true;
      clientOf(state, socket)!.over = true;
      socket.fin ||= args[1] === "SHUT_RDWR";
      return arrive(state, socket);
    case "close":
      return closes(state, fds, fd);
    case "fork":
      threadOf(state, `child ${result || who.split(" ")[1]}`);
      return;
    case "clone":
      threadOf(state, note.split(",")[0]).tid = result;
      return;
    case "waitpid":
      state.processes = state.processes.filter(({ pid }) => pid !== result);
      return;
    case "_exit":
      for (const fd of Object.keys(fds)) closes(state, fds, Number(fd));
      processOf(state, who).zombie = true;
      state.threads = state.threads.filter(({ process }) => process !== thread.process);
      return;
    case "exit":
      state.threads = state.threads.filter(({ name }) => name !== who);
      return;
    case "select": {
      const { asked } = thread.select!;
      const ready = asked.filter((fd) => readiness(socketAt(state, who, fd)!).includes("IN"));
      thread.select = { asked, came: numbers(note) };
      expect(`ready are ${ready}`, `${thread.select.came}` === `${ready}`);
      return;
    }
    case "epoll_create1":
      fds[result] = state.step;
      state.epolls.push({ id: state.step, interest: [], ready: [] });
      return;
    case "epoll_ctl": {
      const [what, of, events = ""] = args.slice(1);
      const epoll = epollAt(state, who, fd)!;
      const entry = { fd: Number(of), socket: fds[Number(of)], events: events.split("|") };
      epoll.interest = epoll.interest.filter(({ fd }) => fd !== entry.fd);
      if (what === "DEL") epoll.ready = epoll.ready.filter((id) => id !== entry.socket);
      else epoll.interest.push(entry);
      if (what === "DEL" || epoll.ready.includes(entry.socket)) return;
      if (told(entry, socketBy(state, entry.socket)!).length > 0) epoll.ready.push(entry.socket); // it looks at once
      return;
    }
    case "epoll_wait": {
      const epoll = epollAt(state, who, fd)!;
      for (const [, named, events] of note.matchAll(/\b(\d+) ([A-Z|]+)/g)) {
        const entry = epoll.interest.find(({ fd }) => fd === Number(named))!;
        const has = told(entry, socketBy(state, entry.socket)!).join("|");
        expect(
          `${named} has ${has}; ready are ${epoll.ready}`,
          epoll.ready.includes(entry.socket) && has === events,
        );
        // Edge-triggered, it leaves the list when it is told; else it goes to the end, to be asked the next time.
        epoll.ready = epoll.ready.filter((id) => id !== entry.socket);
        if (!entry.events.includes("ET")) epoll.ready.push(entry.socket);
      }
    }
  }
}

/** When no descriptor is left, the socket goes, and with it its entries in epolls. */
function closes(state: State, fds: Record<number, number>, fd: number) {
  const gone = fds[fd];
  delete fds[fd];
  if (gone === undefined || references(state, gone) > 0) return;
  const client = state.clients.find(({ socket }) => socket === gone);
  if (client) client.over = true;
  state.sockets = state.sockets.filter(({ id }) => id !== gone);
  state.epolls = state.epolls.filter(({ id }) => id !== gone);
  for (const epoll of state.epolls) {
    epoll.interest = epoll.interest.filter(({ socket }) => socket !== gone);
    epoll.ready = epoll.ready.filter((id) => id !== gone);
  }
}
