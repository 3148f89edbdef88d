/** What is said of a run, in English and in Chinese: words.json, and which of it fits a step. */
import { isClient, type Line } from "../support/trace_lines.ts";
import { asleep, connections, fileAt, queued, type Socket, type State } from "./model.ts";
import words from "./words.json" with { type: "json" };

/** The same in English and in Chinese. */
type Text = readonly string[];

/** All of it, by kind and name. */
export const WORDS: {
  readonly page: Record<string, Text>;
  readonly scene: Record<string, Text>;
  /** Patterns of what the trace says, and how that is said. */
  readonly trace: Record<string, Text>;
  /** What the words mean, and by kind and sign what the signs do: told before the first step. */
  readonly terms: Text[];
  readonly legend: Record<string, Text>;
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
export function named(who: string, { processes }: State): string {
  return noteOf(who.replace(/^child \d+/, () => `child ${processes.findIndex(({ name }) => name === who)}`));
}

/** What a trace says beside a call, in the language. */
export const noteOf = (note: string) =>
  Object.entries(WORDS.trace).reduce((text, [from, to]) => text.replace(RegExp(from), to[lang]), note);

/** Between two sentences. */
export const SPACE = lang ? "" : " ";

/** What is so of a step, on one line for patterns: `recv(23) …; main, asleep`. Of calls that found nothing after `×`. */
export function facts(before: State, after: State, line: Line): string {
  const { who, text, call, args, result, count, waits, note } = line;
  const thread = after.threads.find(({ name }) => name === who);
  const client = after.sockets.find(({ client }) => client === who);
  const file = fileAt(before, who, args[0]) as Socket | undefined;
  const clients = connections(after);
  const ready = ({ epolls }: State) => epolls.flatMap(({ ready }) => ready).length;
  const so: Record<string, unknown> = {
    asleep: waits && asleep(thread!),
    awake: waits && !asleep(thread!),
    again: file?.ended,
    lingers: file?.over,
    stuck: waits && after.threads.every(asleep) &&
      after.sockets.some(({ unread, nonblocking }) => unread > 0 && nonblocking),
    deserted: waits && clients.length > 0 && clients.every(({ gone }) => gone),
    idle: count !== undefined && file?.nonblocking === false,
    spins: clients.length > 0 && thread?.does === "spins",
    turns: client && !after.woken && !after.threads.some(asleep),
    queued: client && queued(client),
    [`wakes ${after.woken?.name ?? "nobody"}`]: client,
    listed: ready(after) > ready(before),
    kept: call === "epoll_wait" && ready(after) > 0,
    dropped: waits && ready(after) < ready(before),
    skips: result > 0 && !fileAt(after, who, result - 1),
    shared: call === "close" && left(before, after, line) > 0,
    open: file?.client && !file.gone,
    others: (after.epolls[0]?.interest.length ?? 0) > result,
    hangup: note.includes("HUP"),
    answered: before.sockets.some(({ sent, over }) => sent > 0 && !over),
    asked: before.sockets.some(({ asked }) => asked > 0),
  };
  const what = who === "output"
    ? who
    : `${count === undefined ? "" : "× "}${text.replaceAll("accept4", "accept")}`;
  return `${what}; ${[who, ...Object.keys(so).filter((name) => so[name])].join(", ")}`;
}

/** How many descriptors still lead to what a call had as its first argument. */
function left(before: State, after: State, { who, args }: Line): number {
  const file = fileAt(before, who, args[0]);
  return after.sockets.find(({ id }) => id === file?.id)?.descriptors ?? 0;
}

/** What a step did. */
export function explain(before: State, after: State, line: Line): string {
  const { who, note, call, args: [fd, , of, events], result, error, count } = line;
  const { select } = after.threads.find(({ name }) => name === who) ?? {};
  const file = call === "accept4" && !line.waits ? fileAt(after, who, result) : fileAt(before, who, fd);
  const client = isClient(line) ? who : file && "port" in file && file.client || "the client";
  const woken = after.woken?.name;
  const listed = ({ fd }: { fd: number }) => after.epolls[0].ready.some((entry) => entry.fd === fd);
  const gaps: Record<string, unknown> = {
    ...{ fd, of, events, result, error },
    client: named(client, after),
    child: named(`child ${result}`, after),
    thread: call === "clone" ? noteOf(note.split(",")[0]) : named(client === who ? `${woken}` : who, after),
    queue: after.sockets.find(({ queue }) => queue)?.queue?.length,
    count: count?.toLocaleString("en"),
    dropped: before.epolls[0]?.ready.filter((old) => !listed(old)).map(({ fd }) => fd).join(", "),
    left: left(before, after, line),
    asked: select?.asked.length,
    others: (after.epolls[0]?.interest.length ?? 0) - result,
    came: select?.came?.join(", ") ?? note.replace(/^waited [\d.]+ ms, /, ""),
  };
  const so = facts(before, after, line);
  return Object.entries(WORDS.steps).filter(([pattern]) => RegExp(pattern).test(so))
    .map(([, text]) => text[lang].replace(/\{(\w+)\}/g, (_, gap) => `${gaps[gap]}`))
    .map((text) => text[0].toUpperCase() + text.slice(1)).join(SPACE)
    .replace(/(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])/g, "").replace(/\d(?=[\u4e00-\u9fff])/g, "$& ");
}
