/**
 * What clients, server and kernel hold after each line of a trace: a pure function, which runs in the page too. How the
 * kernel does it: accept(2), select(2), epoll(7), tcp(7); net/ipv4 and fs/eventpoll.c of Linux.
 */
import { isClient, type Line } from "../support/trace_lines.ts";

/** A TCP socket in the kernel, and of a connection also how its client fares. */
export interface Socket {
  /** The step at which it came. */
  readonly id: number;
  /** Of a connection: who is at the other end, and that one's port. */
  readonly client?: string;
  readonly port: number;
  /** Of a listening socket: connections that nobody has accepted, the first one first. */
  queue?: Socket[];
  /** Bytes that came, and that nobody has received yet. */
  unread: number;
  /** No more will come: the client has closed its side, or ours is shut for reading. And whether recv has brought that. */
  fin: boolean;
  ended: boolean;
  /** The client was told that no more comes to it. */
  over: boolean;
  /** O_NONBLOCK belongs to the socket, not to a descriptor. */
  nonblocking: boolean;
  /** Bytes that the client has sent, and that it was sent; whether it has closed its side. */
  asked: number;
  sent: number;
  gone: boolean;
}

/** An epoll instance. Linux does not show its ready list: that follows from the rest. */
export interface Epoll {
  readonly id: number;
  interest: { readonly fd: number; readonly socket: Socket; events: string[] }[];
  ready: Epoll["interest"];
}

/** A process: a descriptor is an index into its table, and an entry leads to a socket or an epoll. */
export interface Process {
  readonly name: string;
  readonly fds: Record<number, Socket | Epoll>;
  /** It is a zombie until its parent calls waitpid. */
  ended?: "zombie" | "reaped";
}

export interface Thread {
  readonly name: string;
  tid?: number;
  /** Where in the lesson it is. */
  place: string;
  /** The call that it is in, as the trace has it, since which step, and in whose wait queues: none, if it need not sleep. */
  inside?: Pick<Line, "call" | "text"> & { readonly since: number; readonly on: (Socket | Epoll)[] };
  /** It sleeps in the runtime's own loop until the thread of this name runs; `"end"`: until one of its threads ends. */
  awaits?: string;
  /** So many calls in a row have found nothing. */
  spins: number;
  /** The descriptors in the set of its select: what was asked, and what the kernel has written over it. */
  select?: { readonly asked: number[]; readonly came?: number[] };
}

export interface State {
  readonly step: number;
  /** In the order in which they came, closed ones too. */
  sockets: Socket[];
  epolls: Epoll[];
  /** In the order in which they came, ended ones too. */
  processes: Process[];
  threads: Thread[];
  /** What the server has printed beside its trace. */
  said: string[];
  /** What the trace says and the kernel would not do: a recording fails with it. */
  doubt?: string;
}

/** The descriptors in the first set of a text: `[21 23-25]`. */
export function numbers(text: string): number[] {
  return (/\[(.*?)\]/.exec(text)?.[1] ?? "").split(" ").filter(Boolean).flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The parts of a call: `epoll_ctl(22, ADD 21 IN) = 0`. The first argument mostly is a descriptor. */
export function parts(text: string): { args: string[]; fd: number; result: number; error?: string } {
  const [, all = "", result = "", error] = /^\w+\((.*?)\)(?: = (-?\d+) ?(E\w+)?)?/.exec(text) ?? [];
  const args = all.split(/[ ,]+/);
  return { args, fd: Number(args[0]), result: Number(result), error };
}

/** What a descriptor of a thread's leads to. A child's main thread has the name of its process. */
export const fileAt = (state: State, who: string, fd: number): Socket | Epoll | undefined =>
  processOf(state, who)?.fds[fd];
const processOf = ({ processes }: State, who: string) =>
  processes.find(({ name }) => name === (who.startsWith("child") ? who : "main"))!;
/** The connections of all clients, in the order in which these came. */
export const connections = ({ sockets }: State): Socket[] => sockets.filter(({ client }) => client);
/** How many descriptors, of all processes, lead to it, also if it is of another step. */
export const references = ({ processes }: State, file?: Socket | Epoll): number =>
  processes.flatMap(({ fds }) => Object.values(fds)).filter(({ id }) => id === file?.id).length;
/** Whether a connection waits for accept. */
export const queued = ({ sockets }: State, socket: Socket): boolean =>
  sockets.some(({ queue }) => queue?.includes(socket));

/** What can be told of a socket. */
function readiness({ queue, client, unread, fin, over }: Socket): string[] {
  const readable = queue ? queue.length > 0 : unread > 0 || fin;
  return [...readable ? ["IN"] : [], ...client ? ["OUT"] : [], ...fin && over ? ["HUP"] : []];
}
/** What epoll is to tell of it, which is HUP whether or not it is asked for. */
const told = ({ events, socket }: Epoll["interest"][number]) =>
  readiness(socket).filter((event) => event === "HUP" || events.includes(event));
/** Whether there is something to accept, to receive or to be told. */
export const has = (file: Socket | Epoll): boolean =>
  "ready" in file ? file.ready.length > 0 : readiness(file).includes("IN");

/** Who is in its wait queue, the first one first. */
export const sleepers = ({ threads }: State, file: Socket | Epoll): Thread[] =>
  threads.filter(({ inside }) => inside?.on.includes(file))
    .sort((a, b) => a.inside!.since - b.inside!.since);
/** Whether what a thread slept for has come. Of those who accept, each connection wakes one: the first. */
export const woken = (state: State, thread: Thread): boolean =>
  thread.inside?.on.some((file) =>
    "queue" in file && thread.inside!.call === "accept4"
      ? sleepers(state, file).indexOf(thread) < file.queue!.length
      : has(file)
  ) ?? false;
export const asleep = (state: State, thread: Thread): boolean =>
  !!thread.awaits || !!thread.inside?.on.length && !woken(state, thread);
/** Whom a step has woken. */
export const wokenBy = (before: State, after: State): Thread | undefined =>
  after.threads.find((thread) =>
    woken(after, thread) && !before.threads.some((old) => old.name === thread.name && woken(before, old))
  );

/** What has happened, line by line. */
export class History {
  readonly lines: Line[] = [];
  /** One more than lines: the first is before all of them. */
  readonly states: State[] = [
    { step: 0, sockets: [], epolls: [], processes: [], threads: [], said: [] },
  ];

  get state(): State {
    return this.states.at(-1)!;
  }
  add(line: Line): void {
    // Who creates one more thread has not been waiting for the end of those before.
    const threads = line.call === "clone" ? this.states.flatMap(({ threads }) => threads) : [];
    for (const thread of threads) if (thread.awaits === "end") thread.awaits = undefined;
    this.lines.push(line);
    this.states.push(advance(this.state, line));
  }
  /** Leave out what came after so many lines. */
  cut(length: number): void {
    this.lines.length = length;
    this.states.length = length + 1;
  }
}

/** The state after a line. */
function advance(before: State, line: Line): State {
  const state = { ...structuredClone(before), step: before.step + 1, doubt: undefined as string | undefined };
  try {
    if (isClient(line)) clientDoes(state, line);
    else if (line.who === "output") state.said.push(line.text);
    else serverDoes(state, line);
  } catch (error) { // a reader's lesson may do what no lesson does
    state.doubt = `${line.who} ${line.text}: ${error}`;
  }
  return state;
}

/** Throws if what has to be for a result is not so. */
function expect(so: boolean, what: string) {
  if (!so) throw new Error(what);
}

function newSocket({ sockets, step: id }: State, client?: string, port = 0): Socket {
  const flags = { fin: false, ended: false, over: false, nonblocking: false, gone: false };
  const socket = { id, client, port, unread: 0, asked: 0, sent: 0, ...flags };
  sockets.push(socket);
  return socket;
}

/** Something has come to a socket, or it is watched anew: that puts it on ready lists. */
function arrive({ epolls }: State, socket: Socket) {
  for (const { interest, ready } of epolls) {
    const entry = interest.find((entry) => entry.socket === socket);
    if (entry && told(entry).length > 0 && !ready.includes(entry)) ready.push(entry);
  }
}

function clientDoes(state: State, { who, text, call, note }: Line) {
  if (call === "connects") {
    const listening = state.sockets.find(({ queue }) => queue)!;
    listening.queue!.push(newSocket(state, who, Number(note.split(":")[1])));
    return arrive(state, listening);
  }
  const socket = state.sockets.find(({ client }) => client === who)!;
  const bytes = Number(/\d+/.exec(text)?.[0] ?? 0);
  socket.asked += bytes;
  socket.unread += bytes;
  if (call === "closes") socket.gone = socket.fin = true;
  arrive(state, socket);
}

function threadOf(state: State, who: string): Thread {
  const found = state.threads.find(({ name }) => name === who);
  if (found) return found;
  // A child has a copy of its parent's table.
  if (!processOf(state, who)) state.processes.push({ name: who, fds: { ...state.processes[0]?.fds } });
  const thread: Thread = { name: who, place: "", spins: 0 };
  state.threads.push(thread);
  return thread;
}

function serverDoes(state: State, line: Line) {
  const { who, text, call, note, place, count, waits } = line;
  const thread = threadOf(state, who);
  const { inside } = thread;
  const { fds } = processOf(state, who);
  const { fd, ...result } = parts(text);
  if (place) thread.place = place;
  if (count !== undefined) {
    // When accept's limit of time is over, it is awake; when that is told as a count, it sleeps in the next one.
    thread.inside = inside?.call === "accept4" ? { ...inside, on: count > 1 ? [fds[fd]] : [] } : undefined;
    if (!thread.inside && call !== "waitpid") thread.spins = count;
    return;
  }
  Object.assign(thread, { spins: 0, inside: undefined, awaits: undefined });
  // Where threads accept, who has created them does not.
  const main = threadOf(state, "main");
  if (call === "accept4" && who.startsWith("worker")) main.awaits = "end";
  else if (main.awaits === who) main.awaits = undefined;
  const [socket, epoll] = [fds[fd] as Socket, fds[fd] as Epoll];
  if (waits) {
    if (call === "select") thread.select = { asked: numbers(text) };
    // epoll_wait asks each socket on the ready list once more.
    if (call === "epoll_wait") epoll.ready = epoll.ready.filter((entry) => told(entry).length > 0);
    const files = call === "select" ? numbers(text).map((fd) => fds[fd]) : [fds[fd]];
    const sleeps = files.every((file) => file && !has(file));
    thread.inside = { call, text, since: state.step, on: sleeps ? files : [] };
  } else if (!result.error || call === "recv") {
    RETURNS[call]?.({ ...result, state, thread, fds, fd, socket, epoll, note });
  }
  // What accept found at its limit of time is folded into a count, and waitpid follows.
  expect(!inside || [inside.call, "waitpid"].includes(call), `it is in ${inside?.call}`);
}

/** A call that has returned, with the table of its process and what its first argument leads to. */
interface Returned extends ReturnType<typeof parts>, Pick<Process, "fds">, Pick<Line, "note"> {
  readonly state: State;
  readonly thread: Thread;
  readonly socket: Socket;
  readonly epoll: Epoll;
}

/** What a call has done when it returns. */
const RETURNS: Record<string, (call: Returned) => unknown> = {
  socket: ({ state, fds, result }) => opens(fds, result, newSocket(state)),
  listen: ({ socket }) => socket.queue = [],
  ioctl: ({ socket, args }) => socket.nonblocking = args[2] === "1",
  accept4: ({ fds, socket: { queue }, result, note }) => {
    const at = queue!.findIndex(({ port }) => note.endsWith(`:${port}`));
    expect(at !== -1, "it is not in the queue");
    const [first] = queue!;
    const [conn] = queue!.splice(at, 1);
    opens(fds, result, conn);
    expect(at === 0, `the first in the queue is ${first.client}`);
  },
  recv: ({ socket, result, error }) => {
    const { unread, fin } = socket;
    socket.unread = Math.max(unread - Math.max(result, 0), 0);
    if (result <= 0) socket.fin = socket.ended = true;
    const so = result > 0 ? unread >= result : !unread && fin;
    expect(so || !!error, `${unread} bytes are there, the end ${fin ? "too" : "not"}`);
  },
  send: ({ socket, result }) => socket.sent += result,
  shutdown: ({ state, socket, args }) => {
    socket.over = true;
    socket.fin ||= args[1] === "SHUT_RDWR";
    arrive(state, socket);
  },
  close: ({ state, fds, fd }) => closes(state, fds, fd),
  fork: ({ state, thread, result }) => threadOf(state, result ? `child ${result}` : thread.name),
  clone: ({ state, thread, result, note }) => {
    thread.awaits = note.split(",")[0];
    threadOf(state, thread.awaits).tid = result;
  },
  waitpid: ({ state, result }) => processOf(state, `child ${result}`).ended = "reaped",
  _exit: (call) => {
    const { state, thread, fds } = call;
    for (const fd of Object.keys(fds)) closes(state, fds, Number(fd));
    processOf(state, thread.name).ended = "zombie";
    RETURNS.exit(call);
  },
  exit: ({ state, thread }) => state.threads = state.threads.filter((other) => other !== thread),
  select: ({ thread, fds, note }) => {
    const { asked } = thread.select!;
    const ready = asked.filter((fd) => has(fds[fd]));
    thread.select = { asked, came: numbers(note) };
    expect(`${thread.select.came}` === `${ready}`, `ready are ${ready}`);
  },
  epoll_create1: ({ state, fds, result }) => {
    const epoll = { id: state.step, interest: [], ready: [] };
    state.epolls.push(epoll);
    opens(fds, result, epoll);
  },
  epoll_ctl: ({ state, fds, epoll, args: [, what, of, events = ""] }) => {
    const socket = fds[Number(of)] as Socket;
    const watched = { fd: Number(of), socket, events: events.split("|") };
    if (what === "DEL") return forget(epoll, socket);
    if (what === "ADD") epoll.interest.push(watched);
    else epoll.interest.find((entry) => entry.socket === socket)!.events = watched.events;
    arrive(state, socket);
  },
  epoll_wait: ({ epoll, note }) => {
    for (const [, named, events] of note.matchAll(/\b(\d+) ([A-Z|]+)/g)) {
      const entry = epoll.interest.find(({ fd }) => fd === Number(named))!;
      const so = epoll.ready.includes(entry) && told(entry).join("|") === events;
      // Edge-triggered, it leaves the list when it is told; else it goes to the end, to be asked the next time.
      epoll.ready = epoll.ready.filter((other) => other !== entry);
      if (!entry.events.includes("ET")) epoll.ready.push(entry);
      expect(so, `${named} has ${told(entry)}`);
    }
  },
};

function opens(fds: Process["fds"], fd: number, file: Socket | Epoll) {
  const free = !(fd in fds);
  fds[fd] = file;
  expect(free, `${fd} is open already`);
}

/** When no descriptor is left, a socket is over, and its entries in epolls go. */
function closes(state: State, fds: Process["fds"], fd: number) {
  const file = fds[fd];
  delete fds[fd];
  if (!file || references(state, file) > 0) return;
  if ("over" in file) file.over = true;
  state.epolls = state.epolls.filter((epoll) => epoll !== file);
  for (const epoll of state.epolls) forget(epoll, file);
}
function forget(epoll: Epoll, file: Socket | Epoll) {
  epoll.interest = epoll.interest.filter(({ socket }) => socket !== file);
  epoll.ready = epoll.ready.filter(({ socket }) => socket !== file);
}
