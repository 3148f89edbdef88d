/**
 * What clients, server and kernel hold after each line of a trace: a pure function, which runs in the page too. How the
 * kernel does it: accept(2), select(2), epoll(7), tcp(7); net/ipv4 and fs/eventpoll.c of Linux.
 */
import { isClient, type Line, numbers } from "../support/trace_lines.ts";

/** A TCP socket in the kernel, and of a connection also how its client fares. */
export class Socket {
  /** The step at which it came. */
  readonly id: number = 0;
  /** Of a connection: who is at the other end, and that one's port. */
  readonly client?: string;
  readonly port: number = 0;
  /** How many lead to it, of all processes: none before it is accepted, and none any more when it is closed. */
  descriptors = 0;
  /** Of a listening socket: connections that nobody has accepted, the first one first. */
  queue?: Socket[];
  /** Bytes that came, and that nobody has received yet. */
  unread = 0;
  /** No more will come: the client has closed its side, or ours is shut for reading. And whether recv has brought that. */
  fin = false;
  ended = false;
  /** The client was told that no more comes to it. */
  over = false;
  /** O_NONBLOCK belongs to the socket, not to a descriptor. */
  nonblocking = false;
  /** Bytes that the client has sent, and that it was sent; whether it has closed its side. */
  asked = 0;
  sent = 0;
  gone = false;
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
  fds: Record<string, Socket | Epoll>;
  /** It is a zombie until its parent calls waitpid. */
  ended?: "zombie" | "reaped";
}

/** A thread of the server; of a child its only one. */
export class Thread {
  readonly name: string = "";
  tid?: number;
  /** Where in the lesson it is. */
  place = "";
  /** `"spins"`: its calls find nothing. `"joins"`: it sleeps in the runtime's own loop, until a thread runs or ends. */
  does: "awake" | "asleep" | "woken" | "spins" | "joins" = "awake";
  /** The call that it is in, as the trace has it; how many have found nothing. */
  text = "";
  /** In whose wait queues it is, and since which step. */
  on: (Socket | Epoll)[] = [];
  since = 0;
  /** The descriptors in the set of its select: what was asked, and what the kernel has written over it. */
  select?: { readonly asked: number[]; readonly came?: number[] };
}

/** All of it, at one step. */
export class State {
  readonly step: number = 0;
  /** In the order in which they came, closed ones too. */
  sockets: Socket[] = [];
  epolls: Epoll[] = [];
  /** In the order in which they came, ended ones too. */
  processes: Process[] = [];
  threads: Thread[] = [];
  /** Whom this step has woken. */
  woken?: Thread;
  /** What the server has printed beside its trace. */
  said: string[] = [];
  /** What the trace says and the kernel would not do: a recording fails with it. */
  doubts: string[] = [];
}

/** A thread's process. A child's main thread has the name of it. */
const processOf = ({ processes }: State, who: string) =>
  processes.find(({ name }) => name === (who.startsWith("child") ? who : "main"))!;
/** What a descriptor of a thread's leads to. */
export const fileAt = (state: State, who: string, fd: string | number): Socket | Epoll | undefined =>
  processOf(state, who)?.fds[fd];
/** The connections of all clients, in the order in which these came. */
export const connections = ({ sockets }: State): Socket[] => sockets.filter(({ client }) => client);
/** Whether a connection waits for accept. */
export const queued = ({ client, descriptors, over }: Socket): boolean =>
  !!client && descriptors === 0 && !over;
/** Whether a thread sleeps, be it in the runtime's own loop. */
export const asleep = ({ does }: Thread): boolean => /asleep|joins/.test(does);
/** Who is in its wait queue, the first one first. */
export const sleepers = ({ threads }: State, file: Socket | Epoll): Thread[] =>
  threads.filter(({ on }) => on.includes(file)).toSorted((a, b) => a.since - b.since);

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

/** The state after a line. */
export function advance(before: State, line: Line): State {
  const state: State = { ...structuredClone(before), step: before.step + 1, woken: undefined };
  try {
    if (isClient(line)) clientDoes(state, line);
    else if (line.who === "output") state.said.push(line.text);
    else serverDoes(state, line);
  } catch (error) { // a reader's lesson may do what no lesson does
    state.doubts.push(`${line.who} ${line.text}: ${error}`);
  }
  settle(state);
  return state;
}

/** What follows: what no descriptor leads to goes, and who sleeps is woken by what has come. */
function settle(state: State) {
  const open = state.processes.flatMap(({ fds }) => Object.values(fds));
  for (const socket of state.sockets) {
    const descriptors = open.filter((file) => file === socket).length;
    if (descriptors === 0 && socket.descriptors > 0) socket.over = true;
    socket.descriptors = descriptors;
  }
  state.epolls = [...new Set(open)].filter((file) => "ready" in file);
  for (const epoll of state.epolls) {
    epoll.interest = epoll.interest.filter(({ socket }) => open.includes(socket));
    epoll.ready = epoll.ready.filter((entry) => epoll.interest.includes(entry));
  }
  for (const thread of state.threads.filter(({ on }) => on.length > 0)) {
    // Of those who accept, each connection wakes one: the first.
    const came = thread.on.some((file) =>
      "queue" in file && thread.text.startsWith("accept")
        ? sleepers(state, file).indexOf(thread) < file.queue!.length
        : has(file)
    );
    if (came && thread.does !== "woken") state.woken = thread;
    thread.does = came ? "woken" : "asleep";
  }
}

/** Something has come to a socket, or it is watched anew: that puts it on ready lists. */
function arrive({ epolls }: State, socket: Socket) {
  for (const { interest, ready } of epolls) {
    const entry = interest.find((entry) => entry.socket === socket);
    if (entry && told(entry).length > 0 && !ready.includes(entry)) ready.push(entry);
  }
}

function clientDoes(state: State, { who, text, call, note }: Line) {
  const { step: id, sockets } = state;
  if (call === "connects") {
    const listening = sockets.find(({ queue }) => queue)!;
    const conn = Object.assign(new Socket(), { id, client: who, port: Number(note.split(":")[1]) });
    listening.queue!.push(conn);
    sockets.push(conn);
    return arrive(state, listening);
  }
  const socket = sockets.find(({ client }) => client === who)!;
  const bytes = Number(/\d+/.exec(text)?.[0] ?? 0);
  socket.asked += bytes;
  socket.unread += bytes;
  if (call === "closes") socket.gone = socket.fin = true;
  arrive(state, socket);
}

function threadOf(state: State, name: string): Thread {
  const found = state.threads.find((thread) => thread.name === name);
  if (found) return found;
  // A child has a copy of its parent's table.
  if (!processOf(state, name)) state.processes.push({ name, fds: { ...state.processes[0]?.fds } });
  const thread = Object.assign(new Thread(), { name });
  state.threads.push(thread);
  return thread;
}

function serverDoes(state: State, line: Line) {
  const { who, text, call, args, result, error, note, place, count, waits } = line;
  const thread = threadOf(state, who);
  const process = processOf(state, who);
  const { fds } = process;
  const [socket, epoll] = [fds[args[0]] as Socket, fds[args[0]] as Epoll];
  const [, inside = ""] = /(.*) …$/.exec(thread.text) ?? [];
  // What accept found at its limit of time is folded into a count, and waitpid follows.
  if (!text.startsWith(inside) && call !== "waitpid") throw new Error(`it is in ${inside}`);
  const does = (does: Thread["does"], text = "", on: Thread["on"] = []) =>
    Object.assign(thread, { does, text, on, since: state.step });

  does("awake");
  if (place) thread.place = place;
  if (count !== undefined) {
    if (call === "waitpid") return;
    if (socket.nonblocking) return does("spins", `${count.toLocaleString("en")} ×`);
    // Its limit of time is over, and it is awake. When that is told as a count, it sleeps in the next call.
    return count > 1 && does("asleep", `${call}(${args}) …`, [socket]);
  }
  if (waits) {
    if (call === "select") thread.select = { asked: numbers(text) };
    // epoll_wait asks each socket on the ready list once more.
    if (call === "epoll_wait") epoll.ready = epoll.ready.filter((entry) => told(entry).length > 0);
    const files = call === "select" ? numbers(text).map((fd) => fds[fd]) : [socket];
    return does("awake", text, files.every((file) => file && !has(file)) ? files : []);
  }

  /** What a call has done when it returns. */
  const returned: Record<string, () => unknown> = {
    socket: () => state.sockets.push(fds[result] = Object.assign(new Socket(), { id: state.step })),
    listen: () => socket.queue = [],
    ioctl: () => socket.nonblocking = args[2] === "1",
    accept4: () => {
      const at = socket.queue!.findIndex(({ port }) => note.endsWith(`:${port}`));
      if (at === -1 || result in fds) throw new Error(`it is not in the queue, or ${result} is open`);
      [fds[result]] = socket.queue!.splice(at, 1);
    },
    recv: () => {
      if (result > 0) socket.unread -= result;
      else Object.assign(socket, { unread: 0, fin: true, ended: true });
    },
    send: () => socket.sent += result,
    shutdown: () => {
      socket.over = true;
      socket.fin ||= args[1] === "SHUT_RDWR";
      arrive(state, socket);
    },
    close: () => delete fds[args[0]],
    fork: () => threadOf(state, result ? `child ${result}` : who),
    clone: () => {
      does("joins");
      threadOf(state, note.split(",")[0]).tid = result;
    },
    waitpid: () => processOf(state, `child ${result}`).ended = "reaped",
    exit: () => state.threads = state.threads.filter((other) => other !== thread),
    _exit: () => {
      Object.assign(process, { fds: {}, ended: "zombie" });
      returned.exit();
    },
    select: () => {
      const [{ asked }, came] = [thread.select!, numbers(note)];
      thread.select = { asked, came };
      if (`${came}` !== `${asked.filter((fd) => has(fds[fd]))}`) throw new Error("others are ready");
    },
    epoll_create1: () => fds[result] = { id: state.step, interest: [], ready: [] },
    epoll_ctl: () => {
      const [, what, of, names = ""] = args;
      const [socket, events] = [fds[of] as Socket, names.split("|")];
      const entry = epoll.interest.find((entry) => entry.socket === socket);
      if (what === "DEL") epoll.interest = epoll.interest.filter((other) => other !== entry);
      else if (entry) entry.events = events;
      else epoll.interest.push({ fd: Number(of), socket, events });
      arrive(state, socket);
    },
    epoll_wait: () => {
      for (const [, named, events] of note.matchAll(/\b(\d+) ([A-Z|]+)/g)) {
        const entry = epoll.interest.find(({ fd }) => fd === Number(named))!;
        const so = epoll.ready.includes(entry) && told(entry).join("|") === events;
        // Edge-triggered, it leaves the list when it is told; else it goes to the end, to be asked the next time.
        epoll.ready = epoll.ready.filter((other) => other !== entry);
        if (!entry.events.includes("ET")) epoll.ready.push(entry);
        if (!so) throw new Error(`${named} has ${told(entry)}`);
      }
    },
  };
  if (!error || call === "recv") returned[call]?.();
}
