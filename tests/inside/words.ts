/** What is said of a run, in English and in Chinese: words.json, and which of it fits a step. */
import type { Line } from "../support/trace_lines.ts";
import { clientOf, parts, processOf, references, socketAt, type State } from "./model.ts";
import words from "./words.json" with { type: "json" };

/** The same in English and in Chinese. */
type Text = readonly string[];

/** All of it, by kind and name. */
export const WORDS: {
  readonly page: Record<string, Text>;
  readonly scene: Record<string, Text>;
  /** Of the runs. */
  readonly titles: Record<string, Text>;
  /** What a step did, by a pattern of its {@link facts}: all that fit are said. */
  readonly steps: Record<string, Text>;
  /** Steps that a text may link to, such as `#05/wake`: the first with such facts. */
  readonly anchors: Record<string, string>;
  /** What is worth a pause, by run and name of the step. */
  readonly notes: Record<string, Text>;
  /** What is asked before a step; the choice that is right counts from 0. */
  readonly questions: Record<string, { ask: Text; choices: Text[]; right: number }>;
} = words;

/** The language, 0: English, 1: Chinese. On a page its reader's; pictures are in English. */
export const lang = "document" in globalThis &&
    (new URLSearchParams(location.search).get("lang") ?? navigator.language).startsWith("zh")
  ? 1
  : 0;

/** A client's, process's or thread's name as it is said: children by their order instead of their PID. */
export function named(who: string, { children }: State): string {
  const name = who.startsWith("child") ? `child ${children.indexOf(who) + 1}` : who;
  return lang ? name.replace("client", "客户端") : name;
}

/** Whom a line has woken. */
export const wokenBy = (before: State, after: State) =>
  after.threads.find(({ name, woken }) =>
    woken && !before.threads.some((old) => old.name === name && old.woken)
  );

/** What is so of a step, on one line for patterns: `recv(23) …; main, asleep`. Of calls that found nothing after `×`. */
export function facts(before: State, after: State, { who, text, call, count, waits }: Line): string {
  const thread = after.threads.find(({ name }) => name === who);
  const client = after.clients.find(({ name }) => name === who);
  const ready = ({ epolls }: State) => epolls.flatMap(({ ready }) => ready).length;
  const allSleep = after.threads.every(({ inside }) => inside?.sleeps);
  const woken = wokenBy(before, after)?.name.replace(/^child \d+/, "its child") ?? "nobody";
  const so: Record<string, unknown> = {
    asleep: waits && thread?.inside?.sleeps,
    awake: waits && !thread?.inside?.sleeps,
    stuck: waits && allSleep && after.sockets.some(({ unread, nonblocking }) => unread > 0 && nonblocking),
    idle: count !== undefined && thread?.inside,
    spins: after.clients.length > 0 && thread?.spins,
    queued: client && after.sockets.some(({ queue }) => queue?.includes(client.socket)),
    [`wakes ${woken}`]: client,
    listed: ready(after) > ready(before),
    shared: call === "close" && left(before, after, who, text) > 0,
    answered: before.clients.some(({ sent, over }) => sent > 0 && !over),
    asked: before.clients.some(({ asked }) => asked > 0),
  };
  const what = who === "output"
    ? who
    : `${count === undefined ? "" : "× "}${text.replaceAll("accept4", "accept")}`;
  return `${what}; ${[who, ...Object.keys(so).filter((name) => so[name])].join(", ")}`;
}

/** How many descriptors lead to what a call had as its first argument. */
const left = (before: State, after: State, who: string, text: string) =>
  references(after, processOf(before, who)?.fds[Number(parts(text).args[0])] ?? -1);

/** What a step did. */
export function explain(before: State, after: State, line: Line): string {
  const { who, text, note, call, count } = line;
  const { args, result, error } = parts(text);
  const [fd, , of, events] = args;
  const select = after.threads.find(({ name }) => name === who)?.select;
  const ofClient = who.startsWith("client");
  const accepted = call === "accept4" && !line.waits;
  const socket = accepted ? socketAt(after, who, result) : socketAt(before, who, Number(fd));
  const gaps: Record<string, unknown> = {
    ...{ fd, of, events, result, error },
    client: named(ofClient ? who : clientOf(after, socket)?.name ?? "the client", after),
    thread: ofClient
      ? wokenBy(before, after)?.name.replace(/^child \d+/, "its child")
      : call === "clone"
      ? note.split(",")[0]
      : who,
    queue: after.sockets.find(({ queue }) => queue)?.queue?.length,
    count: count?.toLocaleString("en"),
    left: left(before, after, who, text),
    asked: select?.asked.length,
    others: (after.epolls[0]?.interest.length ?? 0) - result,
    came: select?.came?.join(", ") ?? note.replace(/^waited [\d.]+ ms, /, ""),
  };
  const so = facts(before, after, line);
  return Object.entries(WORDS.steps).filter(([pattern]) => RegExp(pattern).test(so))
    .map(([, text]) => text[lang].replace(/\{(\w+)\}/g, (_, gap) => `${gaps[gap]}`))
    .map((text) => text[0].toUpperCase() + text.slice(1)).join(lang ? "" : " ");
}
