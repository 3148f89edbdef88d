/**
 * What clients, server and kernel hold after each line of a trace: a pure function, which runs in the page too. How a
 * TCP socket, its wait queues and epoll behave: tcp(7), accept(2), select(2), epoll(7); net/ipv4 and fs/eventpoll.c of Linux.
 */
import type { Line } from "../support/trace.ts";

/** A TCP socket in the kernel, from socket(2) or from a client's handshake on. */
export interface Socket {
  readonly id: number;
  /** Connections that nobody has accepted, in the order in which they came; only a listening socket has any. */
  queue: number[];
  backlog?: number;
  /** Who is at the other end. */
  client?: string;
  /** Bytes that came, and that nobody has received yet. */
  unread: number;
  /** How they begin. */
  text: string;
  /** The client has closed its side; recv brings the end of the stream once all bytes are read. */
  fin: boolean;
  /** recv has brought it. */
  ended: boolean;
  /** Our side has said that it sends no more. */
  shut: boolean;
  /** O_NONBLOCK belongs to the socket, not to a descriptor. */
  nonblocking: boolean;
}

/** An epoll instance. Its ready list can't be read from outside: it follows from the rest. */
export interface Epoll {
  readonly id: number;
  interest: { fd: number; socket: number; events: string[] }[];
  /** Sockets of which something is to be told, in the order in which that came. */
  ready: number[];
}

/** A process: a descriptor is an index into its table, and an entry points to a socket or an epoll instance. */
export interface Process {
  readonly name: string;
  readonly pid?: number;
  fds: Record<number, number>;
  /** It has ended, and its parent has not called waitpid yet. */
  zombie: boolean;
}

export interface Thread {
  readonly name: string;
  readonly process: string;
  readonly tid?: number;
  /** Where in the lesson it is. */
  place: string;
  /** The call that it is in, as the trace has it, and whether it sleeps there, since which step. */
  inside?: { call: string; text: string; sleeps: boolean; since: number };
  /** What it sleeps for has come. */
  woken: boolean;
  /** So many calls in a row have found nothing. */
  spins: number;
  /** The sets of its select: what was asked, and what the kernel has written over it. */
  select?: { asked: number[]; came?: number[] };
}

export interface Client {
  readonly name: string;
  readonly port: number;
  readonly socket: number;
  /** What it has asked, how much of it the server has sent, and how much of that it has, in bytes. */
  asked: number;
  sent: number;
  got: number;
  /** The server has ended the connection; the client has seen that; it has closed its side. */
  over: boolean;
  end: boolean;
  gone: boolean;
}

export interface State {
  step: number;
  sockets: Socket[];
  epolls: Epoll[];
  processes: Process[];
  threads: Thread[];
  clients: Client[];
  /** What the server has printed or how it ended, when a live one did. */
  said: string[];
  /** What the trace says and this model does not expect: a recording fails with it. */
  doubt?: string;
}

export const START: State = {
  step: 0,
  sockets: [],
  epolls: [],
  processes: [],
  threads: [],
  clients: [],
  said: [],
};

/** The descriptors in `[21 23-25]`. */
export function numbers(ranges: string): number[] {
  return ranges.split(" ").filter(Boolean).flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The numbers and names in a call: `epoll_ctl(22, ADD 21 IN) = 0`. */
export function parts({ text }: { text: string }): { args: string[]; result: number; error?: string } {
  const [, args = "", result = "", error] = /^\w+\((.*?)\)(?: = (-?\d+) ?(E\w+)?)?/.exec(text) ?? [];
  return { args: args.split(/[ ,]+/), result: Number(result), error };
}

export const socketAt = (state: State, who: string, fd: number): Socket | undefined =>
  state.sockets.find(({ id }) => id === processOf(state, who)?.fds[fd]);
export const processOf = (state: State, who: string): Process | undefined =>
  state.processes.find(({ name }) => name === (who.startsWith("child") ? who : "main"));
export const clientOf = (state: State, socket?: Socket): Client | undefined =>
  state.clients.find(({ name }) => name === socket?.client);
/** How many descriptors, of all processes, lead to it. */
export const references = (state: State, id: number): number =>
  state.processes.flatMap(({ fds }) => Object.values(fds)).filter((to) => to === id).length;

/** What epoll and select may say of it. */
export function readiness(socket: Socket): string[] {
  const readable = socket.backlog === undefined
    ? socket.unread > 0 || socket.fin || socket.shut && socket.ended
    : socket.queue.length > 0;
  return [
    ...readable ? ["IN"] : [],
    ...socket.backlog === undefined && socket.client ? ["OUT"] : [],
    ...(socket.fin || socket.ended) && socket.shut ? ["HUP"] : [],
  ];
}

const wants = ({ events }: { events: string[] }, has: string[]) =>
  has.filter((event) => event === "HUP" || events.includes(event));

/** Who sleeps in its wait queue. Epoll, which has an entry of its own in it, aside. */
export function sleepersOn(state: State, socket: Socket): Thread[] {
  return state.threads.filter(({ name, inside, select }) => {
    if (!inside?.sleeps) return false;
    if (inside.call === "select") {
      return select?.asked.some((fd) => socketAt(state, name, fd)?.id === socket.id);
    }
    return /^(accept|recv|send)/.test(inside.call) &&
      socketAt(state, name, Number(parts(inside).args[0]))?.id === socket.id;
  }).sort((a, b) => a.inside!.since - b.inside!.since);
}
export const sleepersIn = (state: State, epoll: Epoll): Thread[] =>
  state.threads.filter(({ name, inside }) =>
    inside?.sleeps && inside.call === "epoll_wait" &&
    processOf(state, name)?.fds[Number(parts(inside).args[0])] === epoll.id
  );

/** Something has come to a socket: that wakes who sleeps for it, and puts it on ready lists. */
function arrive(state: State, socket: Socket) {
  let exclusive = false;
  for (const thread of sleepersOn(state, socket)) {
    if (thread.woken || exclusive) continue;
    thread.woken = true;
    exclusive = thread.inside!.call.startsWith("accept"); // of those who accept, the kernel wakes one: the first
  }
  for (const epoll of state.epolls) {
    const entry = epoll.interest.find((entry) => entry.socket === socket.id);
    if (!entry || wants(entry, readiness(socket)).length === 0) continue;
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
  } catch (error) { // a lesson may do what no lesson does
    state.doubt = `${line.who} ${line.text}: ${error}`;
  }
  return state;
}

/** All states, from the one before the first line on. */
export function states(lines: readonly Line[]): State[] {
  const all = [START];
  for (const line of lines) all.push(advance(all.at(-1)!, line));
  return all;
}

function newSocket(state: State, client?: string): Socket {
  const socket: Socket = {
    id: state.step,
    queue: [],
    client,
    unread: 0,
    text: "",
    fin: false,
    ended: false,
    shut: false,
    nonblocking: false,
  };
  state.sockets.push(socket);
  return socket;
}

function clientDoes(state: State, { who, text, call, note }: Line) {
  if (call === "connects") {
    const socket = newSocket(state, who);
    const port = Number(note.split(":")[1]);
    state.clients.push({
      name: who,
      port,
      socket: socket.id,
      asked: 0,
      sent: 0,
      got: 0,
      over: false,
      end: false,
      gone: false,
    });
    const listening = state.sockets.find(({ backlog }) => backlog !== undefined);
    listening?.queue.push(socket.id);
    if (listening) arrive(state, listening);
    return;
  }
  const client = state.clients.find(({ name }) => name === who)!;
  const socket = state.sockets.find(({ id }) => id === client.socket);
  const bytes = Number(/\d+/.exec(text)?.[0] ?? 0);
  if (call === "has") {
    client.got += bytes;
    if (bytes === 0) client.end = true;
  } else if (call === "sends") {
    client.asked += bytes;
    if (!socket) return;
    socket.unread += bytes;
    socket.text ||= note;
    arrive(state, socket);
  } else { // closes
    client.gone = true;
    if (!socket) return;
    socket.fin = true;
    arrive(state, socket);
  }
}

function threadOf(state: State, who: string): Thread {
  const found = state.threads.find(({ name }) => name === who);
  if (found) return found;
  const process = who.startsWith("child") ? who : "main";
  const thread: Thread = { name: who, process, place: "", woken: false, spins: 0 };
  state.threads.push(thread);
  if (!processOf(state, who)) {
    const parent = processOf(state, "main"); // a child has a copy of its table
    const pid = who.startsWith("child") ? Number(who.split(" ")[1]) : undefined;
    state.processes.push({ name: process, pid, fds: { ...parent?.fds }, zombie: false });
  }
  return thread;
}

function serverDoes(state: State, line: Line) {
  const thread = threadOf(state, line.who);
  if (line.place) thread.place = line.place;
  if (line.count !== undefined) {
    // The limit of its accept was over, and it has fallen asleep in the next one.
    if (!thread.inside?.call.startsWith("accept")) thread.inside = undefined;
    if (!thread.inside) thread.spins = line.count;
    return;
  }
  thread.spins = 0;
  const inside = thread.inside?.call ?? line.call;
  // What accept found at its limit of time is folded into a count, and waitpid follows.
  if (inside !== line.call && line.call !== "waitpid") {
    state.doubt = `${line.who} ${line.text}: it is in ${inside}`;
  }
  if (line.waits) return begins(state, thread, line);
  thread.inside = undefined;
  thread.woken = false;
  returns(state, thread, line);
}

/** A call that sleeps if there is nothing yet. */
function begins(state: State, thread: Thread, { call, text }: Line) {
  const fd = Number(parts({ text }).args[0]);
  let found: boolean;
  if (call === "select") {
    const asked = numbers(/\[(.*?)\]/.exec(text)?.[1] ?? "");
    thread.select = { asked };
    found = asked.some((fd) => readiness(socketAt(state, thread.name, fd)!).includes("IN"));
  } else if (call === "epoll_wait") {
    const epoll = state.epolls.find(({ id }) => id === processOf(state, thread.name)?.fds[fd])!;
    epoll.ready = epoll.ready.filter((id) => { // it asks each socket on the list once more
      const entry = epoll.interest.find(({ socket }) => socket === id)!;
      return wants(entry, readiness(state.sockets.find((socket) => socket.id === id)!)).length > 0;
    });
    found = epoll.ready.length > 0;
  } else {
    const socket = socketAt(state, thread.name, fd)!;
    found = socket === undefined || readiness(socket).includes("IN");
  }
  thread.inside = { call, text, sleeps: !found, since: state.step };
  thread.woken = false;
}

function returns(state: State, thread: Thread, line: Line) {
  const { args, result, error } = parts(line);
  const who = thread.name;
  const { fds } = processOf(state, who)!;
  const fd = Number(args[0]);
  const socket = socketAt(state, who, fd);
  const doubt = (what: string) => state.doubt ??= `${line.who} ${line.text}: ${what}`;
  const name = line.call;
  if (error && name !== "recv") return;
  switch (name) {
    case "socket":
      fds[result] = newSocket(state).id;
      return;
    case "listen":
      socket!.backlog = Number(args[1]);
      return;
    case "ioctl":
      socket!.nonblocking = args[2] === "1";
      return;
    case "accept4": {
      const id = socket!.queue.shift();
      const client = state.clients.find((client) => client.socket === id);
      if (!line.note.endsWith(`:${client?.port}`)) doubt(`the first in the queue is ${client?.port}`);
      if (id !== undefined) fds[result] = id;
      return;
    }
    case "recv":
      if (!socket) return;
      if (result === 0 || error) {
        const end = socket.fin || socket.ended;
        if (!error && (!end || socket.unread > 0)) {
          doubt(`${socket.unread} bytes are there, and ${end ? "an" : "no"} end`);
        }
        if (error) socket.fin = true;
        socket.ended = true;
      } else {
        if (result > socket.unread) doubt(`${socket.unread} bytes are there`);
        socket.unread = Math.max(socket.unread - result, 0);
      }
      if (socket.unread === 0) socket.text = "";
      return;
    case "send":
      clientOf(state, socket)!.sent += result;
      return;
    case "shutdown":
      socket!.shut = true;
      clientOf(state, socket)!.over = true;
      if (args[1] === "SHUT_RDWR") { // recv brings an end that no client has sent
        socket!.ended = true;
        arrive(state, socket!);
      }
      return;
    case "close":
      closes(state, who, fd);
      return;
    case "fork":
      threadOf(state, `child ${result || who.split(" ")[1]}`);
      return;
    case "clone":
      Object.assign(threadOf(state, /^worker \d+/.exec(line.note)![0]), { tid: result });
      return;
    case "waitpid":
      state.processes = state.processes.filter(({ pid }) => pid !== result);
      return;
    case "exit":
      state.threads = state.threads.filter(({ name }) => name !== who);
      return;
    case "_exit":
      for (const fd of Object.keys(fds)) closes(state, who, Number(fd));
      processOf(state, who)!.zombie = true;
      state.threads = state.threads.filter(({ name }) => name !== who);
      return;
    case "select": {
      const came = numbers(/\[(.*?)\]/.exec(line.note)?.[1] ?? "");
      const { asked } = thread.select!;
      thread.select = { asked, came };
      const ready = asked.filter((fd) => readiness(socketAt(state, who, fd)!).includes("IN"));
      if (`${came}` !== `${ready}`) doubt(`ready are ${ready}`);
      return;
    }
    case "epoll_create1":
      fds[result] = state.step;
      state.epolls.push({ id: state.step, interest: [], ready: [] });
      return;
    case "epoll_ctl":
      controls(state, fds, args);
      return;
    case "epoll_wait": {
      const epoll = state.epolls.find(({ id }) => id === fds[fd])!;
      for (const [, told, events] of line.note.matchAll(/\b(\d+) ([A-Z|]+)/g)) {
        const entry = epoll.interest.find(({ fd }) => fd === Number(told))!;
        const has = wants(entry, readiness(socketAt(state, who, entry.fd)!));
        if (!epoll.ready.includes(entry.socket) || has.join("|") !== events) {
          doubt(`${told} has ${has.join("|") || "nothing"}, ready are ${epoll.ready}`);
        }
        // Told once: edge-triggered, it leaves the list; else it goes to its end, to be asked the next time.
        epoll.ready = epoll.ready.filter((id) => id !== entry.socket);
        if (!entry.events.includes("ET")) epoll.ready.push(entry.socket);
      }
    }
  }
}

function controls(state: State, fds: Record<number, number>, [on, what, of, events = ""]: string[]) {
  const epoll = state.epolls.find(({ id }) => id === fds[Number(on)])!;
  const [fd, socket] = [Number(of), fds[Number(of)]];
  const entry = { fd, socket, events: events.split("|").filter(Boolean) };
  if (what === "ADD") epoll.interest.push(entry);
  else {epoll.interest = epoll.interest.flatMap((old) =>
      old.fd !== fd ? [old] : what === "MOD" ? [entry] : []
    );}
  if (what === "DEL") epoll.ready = epoll.ready.filter((id) => id !== socket);
  else if (
    !epoll.ready.includes(socket) &&
    wants(entry, readiness(state.sockets.find(({ id }) => id === socket)!)).length > 0
  ) epoll.ready.push(socket); // the kernel looks at it at once
}

/** When no descriptor is left, the socket goes, and with it its entries in epolls. */
function closes(state: State, who: string, fd: number) {
  const { fds } = processOf(state, who)!;
  const id = fds[fd];
  delete fds[fd];
  if (id === undefined || references(state, id) > 0) return;
  const client = state.clients.find(({ socket }) => socket === id);
  if (client) client.over = true;
  state.sockets = state.sockets.filter((socket) => socket.id !== id);
  state.epolls = state.epolls.filter((epoll) => epoll.id !== id);
  for (const epoll of state.epolls) {
    epoll.interest = epoll.interest.filter(({ socket }) => socket !== id);
    epoll.ready = epoll.ready.filter((ready) => ready !== id);
  }
}
