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
  readonly fds: Record<number, number>;
  /** It has ended, and its parent has not called waitpid yet. */
  zombie: boolean;
}

export interface Thread {
  readonly name: string;
  tid?: number;
  /** Where in the lesson it is, and the call that it made last. */
  place: string;
  call: string;
  /** The call that it is in, as the trace has it, whether it sleeps there, and since which step. */
  inside?: { readonly text: string; readonly fd: number; readonly sleeps: boolean; readonly since: number };
  /** What it sleeps for has come. */
  woken: boolean;
  /** It has nothing left to do but to await the threads that it has created. */
  joins: boolean;
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
  /** Child processes by their names, in the order in which they came; also those that are no more. */
  children: string[];
  /** What the server has printed beside its trace. */
  said: string[];
  /** What the trace says and the kernel would not do: a recording fails with it. */
  doubt?: string;
}

/** Before the first line. */
const START: State = {
  step: 0,
  sockets: [],
  epolls: [],
  processes: [],
  threads: [],
  clients: [],
  children: [],
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

/** Whose table a thread uses: a child's main thread has the name of its process. */
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

/** Whether a thread sleeps, and nothing that it sleeps for has come. */
export const asleep = ({ inside, woken, joins }: Thread): boolean =>
  joins || inside?.sleeps === true && !woken;
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

/** What has happened, line by line. */
export class History {
  readonly lines: Line[] = [];
  /** One more than lines: the first is before all of them. */
  readonly states: State[] = [START];

  get state(): State {
    return this.states.at(-1)!;
  }
  add(line: Line): void {
    this.lines.push(line);
    this.states.push(advance(this.state, line));
  }
  /** Leave out what came after so many lines. */
  cut(length: number): void {
    this.lines.length = length;
    this.states.length = length + 1;
  }
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
  if (!processOf(state, who)) { // a child has a copy of its parent's table
    state.processes.push({ name: who, fds: { ...processOf(state, "main")?.fds }, zombie: false });
    if (who !== "main") state.children.push(who);
  }
  const thread: Thread = { name: who, place: "", call: "", woken: false, joins: false, spins: 0 };
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
  // Where threads accept, who creates them does not. The first may do so before the last is created.
  thread.joins &&= call === "clone";
  Object.assign(thread, { spins: 0, call, inside: undefined, woken: false });
  if (call === "accept4" && who.startsWith("worker")) threadOf(state, "main").joins = true;
  if (!waits) return returns(state, line, thread);
  if (call === "select") thread.select = { asked: numbers(text) };
  const fd = Number(parts(text).args[0]);
  thread.inside = { text, fd, sleeps: !finds(state, thread, fd), since: state.step };
}

/** A call that has returned, and whose it is. */
interface Returned extends ReturnType<typeof parts> {
  readonly state: State;
  readonly thread: Thread;
  readonly fds: Process["fds"];
  /** Of its first argument: the number, and what that leads to. */
  readonly fd: number;
  readonly socket: Socket;
  readonly epoll: Epoll;
  readonly note: string;
  /** What has to be so for this result. */
  expect(what: string, so: boolean): void;
}

function returns(state: State, { who, text, call, note }: Line, thread: Thread) {
  const { args, result, error } = parts(text);
  const fd = Number(args[0]);
  const [socket, epoll] = [socketAt(state, who, fd)!, epollAt(state, who, fd)!];
  const expect = (what: string, so: boolean) => {
    if (!so) state.doubt ??= `${who} ${text} ${note}: ${what}`;
  };
  if (error && call !== "recv") return;
  const { fds } = processOf(state, who);
  RETURNS[call]?.({ state, thread, fds, fd, socket, epoll, args, result, error, note, expect });
}

/** What a call has done when it returns. */
const RETURNS: Record<string, (call: Returned) => unknown> = {
  socket: ({ state, fds, result }) => fds[result] = newSocket(state),
  listen: ({ socket }) => socket.queue = [],
  ioctl: ({ socket, args }) => socket.nonblocking = args[2] === "1",
  accept4: ({ state, fds, socket, result, note, expect }) => {
    const client = state.clients.findLast(({ port }) => note.endsWith(`:${port}`))!;
    expect(`the first in the queue is ${socket.queue![0]}`, client.socket === socket.queue![0]);
    socket.queue = socket.queue!.filter((id) => id !== client.socket);
    fds[result] = client.socket;
  },
  recv: ({ socket, result, error, expect }) => {
    const so = result > 0 ? socket.unread >= result : !socket.unread && socket.fin;
    expect(`${socket.unread} bytes are there, the end ${socket.fin ? "too" : "not"}`, so || !!error);
    socket.unread = Math.max(socket.unread - Math.max(result, 0), 0);
    if (result <= 0) socket.fin = socket.ended = true;
  },
  send: ({ state, socket, result }) => clientOf(state, socket)!.sent += result,
  shutdown: ({ state, socket, args }) => {
    socket.shut = clientOf(state, socket)!.over = true;
    socket.fin ||= args[1] === "SHUT_RDWR";
    arrive(state, socket);
  },
  close: ({ state, fds, fd }) => closes(state, fds, fd),
  fork: ({ state, thread, result }) => threadOf(state, result ? `child ${result}` : thread.name),
  clone: ({ state, result, note }) => threadOf(state, note.split(",")[0]).tid = result,
  waitpid: ({ state, result }) =>
    state.processes = state.processes.filter(({ name }) => name !== `child ${result}`),
  _exit: (call) => {
    for (const fd of Object.keys(call.fds)) closes(call.state, call.fds, Number(fd));
    processOf(call.state, call.thread.name).zombie = true;
    RETURNS.exit(call);
  },
  exit: ({ state, thread }) => state.threads = state.threads.filter((other) => other !== thread),
  select: ({ state, thread, note, expect }) => {
    const { asked } = thread.select!;
    const ready = asked.filter((fd) => readiness(socketAt(state, thread.name, fd)!).includes("IN"));
    thread.select = { asked, came: numbers(note) };
    expect(`ready are ${ready}`, `${thread.select.came}` === `${ready}`);
  },
  epoll_create1: ({ state, fds, result }) => {
    fds[result] = state.step;
    state.epolls.push({ id: state.step, interest: [], ready: [] });
  },
  epoll_ctl: ({ state, fds, epoll, args: [, what, of, events = ""] }) => {
    const entry = { fd: Number(of), socket: fds[Number(of)], events: events.split("|") };
    epoll.interest = epoll.interest.filter(({ fd }) => fd !== entry.fd);
    if (what === "DEL") {
      epoll.ready = epoll.ready.filter((id) => id !== entry.socket);
      return;
    }
    epoll.interest.push(entry);
    const has = told(entry, socketBy(state, entry.socket)!).length > 0; // it looks at once
    if (has && !epoll.ready.includes(entry.socket)) epoll.ready.push(entry.socket);
  },
  epoll_wait: ({ state, epoll, note, expect }) => {
    for (const [, named, events] of note.matchAll(/\b(\d+) ([A-Z|]+)/g)) {
      const entry = epoll.interest.find(({ fd }) => fd === Number(named))!;
      const has = told(entry, socketBy(state, entry.socket)!).join("|");
      const so = epoll.ready.includes(entry.socket) && has === events;
      expect(`${named} has ${has}; ready are ${epoll.ready}`, so);
      // Edge-triggered, it leaves the list when it is told; else it goes to the end, to be asked the next time.
      epoll.ready = epoll.ready.filter((id) => id !== entry.socket);
      if (!entry.events.includes("ET")) epoll.ready.push(entry.socket);
    }
  },
};

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
