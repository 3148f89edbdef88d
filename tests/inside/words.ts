/** What the page says at each step, in English and in Chinese: words.json, and which of it fits. */
import type { Line } from "../support/trace_lines.ts";
import { clientOf, parts, processOf, readiness, references, socketAt, type State } from "./model.ts";
import words from "./words.json" with { type: "json" };

/** 0: English, 1: Chinese. */
export type Language = 0 | 1;
/** The same in both. */
export type Text = readonly string[];

/** All of it, by kind and name. */
export const WORDS: {
  readonly page: Record<string, Text>;
  readonly scene: Record<string, Text>;
  /** Of the runs. */
  readonly titles: Record<string, Text>;
  readonly steps: Record<string, Text>;
  /** What is worth a pause, by run and name of the step. */
  readonly notes: Record<string, Text>;
  /** What is asked before a step; the choice that is right counts from 0. */
  readonly questions: Record<string, { ask: Text; choices: Text[]; right: number }>;
} = words;

/** A client's name as it is said. */
export const named = (name: string, lang: Language): string => lang ? name.replace("client", "客户端") : name;

/** A process's or thread's name: children by their order instead of their PID. */
export function title(who: string, children: readonly string[]): string {
  return who.startsWith("child") ? `child ${children.indexOf(who) + 1}` : who;
}

/** A sentence of words.json, and what stands in its gaps. */
type Sentence = [name: string, gaps?: Record<string, string | number>];

/** What a step did. */
export function explain(before: State, after: State, line: Line, lang: Language): string {
  return sentences(before, after, line).map(([name, gaps = {}]) =>
    WORDS.steps[name][lang].replace(/\{(\w+)\}/g, (_, gap) => named(`${gaps[gap]}`, lang))
  ).map((text) => text[0].toUpperCase() + text.slice(1)).join(lang ? "" : " ");
}

function sentences(before: State, after: State, line: Line): Sentence[] {
  const { who, text, note } = line;
  if (who.startsWith("client")) return ofClient(before, after, line);
  const { args, result, error } = parts(text);
  const call = line.call.replace("accept4", "accept");
  const fd = Number(args[0]);
  const socket = socketAt(before, who, fd);
  const client = clientOf(before, socket)?.name ?? "the client";
  const thread = after.threads.find(({ name }) => name === who);
  if (line.count !== undefined) {
    if (thread?.inside) return [["nobody for a second"]];
    if (call === "waitpid") return [["waitpid 0"]];
    return [[text.includes(" = 0") ? "for ever" : "nothing", { n: line.count.toLocaleString("en") }]];
  }
  if (line.waits) {
    if (!thread?.inside?.sleeps) return [["awake"]];
    return [[`${call} …`, { client, thread: who, n: thread.select?.asked.length ?? 0 }]];
  }
  if (call === "recv" && (error || result === 0)) return [[error ? "recv reset" : "recv 0", { client }]];
  if (error) return [["refused", { error }]];
  switch (call) {
    case "accept":
      return [["accept", { result, client: clientOf(after, socketAt(after, who, result))?.name ?? client }]];
    case "setsockopt":
      return [[text.includes("REUSEADDR") ? "reuse" : "setsockopt"]];
    case "ioctl":
      return [[`ioctl ${args[2]}`]];
    case "shutdown":
      return [[args[1]]];
    case "close": {
      const n = references(after, processOf(before, who)?.fds[fd] ?? -1);
      return [[n > 0 ? "close, not the last" : "close", { n, fd, client }]];
    }
    case "fork":
      return [[result === 0 ? "fork, child" : "fork", { result }]];
    case "clone":
      return [["clone", { thread: note.split(",")[0] }]];
    case "epoll_ctl": {
      const [, what, of, events = ""] = args;
      const has = readiness(socketAt(after, who, Number(of)) ?? socket!).some((event) =>
        events.split("|").includes(event)
      );
      return [
        [what, { fd: of, events }],
        ...events.includes("ET") ? [["ET"] as Sentence] : [],
        ...has ? [["ready at once"] as Sentence] : [],
      ];
    }
    case "select":
    case "epoll_wait": {
      if (result === 0) return [["timeout"]];
      const n = thread?.select?.asked.length ?? after.epolls[0].interest.length - result;
      const came = thread?.select?.came?.join(", ") ?? note.replace(/^waited [\d.]+ ms, /, "");
      return [[call, { n, came, result, thread: who }]];
    }
    default:
      return call in WORDS.steps ? [[call, { result, client }]] : [];
  }
}

function ofClient(before: State, after: State, { who, call }: Line): Sentence[] {
  const queue = after.sockets.find(({ queue }) => queue)?.queue ?? [];
  const queued = queue.includes(after.clients.find(({ name }) => name === who)!.socket);
  const name = call === "sends" && queued ? "sends, queued" : call;
  const woken = after.threads.find(({ name, woken }) =>
    woken && !before.threads.find((thread) => thread.name === name)?.woken
  );
  const thread = woken?.name.replace(/^child \d+/, "its child") ?? "";
  return [
    [name, { client: who, n: queue.length }],
    woken ? ["wakes", { thread }] : ["nobody"],
  ];
}

/** Steps that a text may link to, such as `#05/wake`: the first line for which it is so. */
const ANCHORS: Record<string, (line: Line, before: State, after: State) => boolean> = {
  listen: ({ call }) => call === "listen",
  sleep: ({ who, waits }, _, { threads }) =>
    waits && threads.some(({ name, inside }) => name === who && inside?.sleeps),
  connect: ({ call }) => call === "connects",
  accept: ({ text }) => /^accept4\(.* = \d/.test(text),
  fork: ({ text }) => /^fork\(\) = [1-9]/.test(text),
  clone: ({ call }) => call === "clone",
  "parent-close": ({ who, call }, { processes }) =>
    who === "main" && call === "close" && processes.length > 1,
  fifth: ({ call }) => call === "sends",
  ready: ({ call }, _, { epolls }) => call === "sends" && epolls.some(({ ready }) => ready.length > 0),
  wake: ({ text }, { clients }) =>
    clients.some(({ asked }) => asked > 0) && /^(select|epoll_wait|accept4|recv)\(.* = [1-9]/.test(text),
  stuck: ({ waits }, _, { sockets, threads }) =>
    waits && threads.every(({ inside }) => inside?.sleeps) &&
    sockets.some(({ unread, nonblocking }) => unread > 0 && nonblocking),
  answer: ({ call }) => call === "send",
  end: ({ call }, { clients }) => call === "shutdown" && clients.some(({ sent, over }) => sent > 0 && !over),
  spin: ({ count }, _, { clients, threads }) =>
    count !== undefined && clients.length > 0 && threads.some(({ spins }) => spins > 0),
  leave: ({ call }) => call === "closes",
  leak: ({ call, who }, _, { clients }) =>
    call === "close" && who.startsWith("child") && clients.some(({ sent, over }) => sent > 0 && !over),
  reap: ({ text }) => /^waitpid\(.* = [1-9]/.test(text),
};

/** The step of each name that fits this run. */
export function anchors(lines: readonly Line[], all: readonly State[]): Record<string, number> {
  const steps = Object.entries(ANCHORS).map(([name, fits]) =>
    [name, lines.findIndex((line, i) => fits(line, all[i], all[i + 1])) + 1] as const
  );
  return Object.fromEntries(steps.filter(([, step]) => step > 0));
}
