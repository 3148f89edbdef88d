/** What is said of a run, in English and in Chinese: words.json, and which of it fits a step. */
import type { Line } from "../support/trace_lines.ts";
import { asleep, connections, fileAt, queued, type Socket, type State } from "./model.ts";
import words from "./words.json" with { type: "json" };

/** The same in English and in Chinese: HTML, with what is filled in as `{gap}`. */
type Text = readonly string[];

/**
 * All of it, by kind and name. `trace`: patterns of what a trace says, and how that is said; `terms`: what words and signs
 * mean; `steps`: what a step did, by a pattern of its {@link facts}: all that fit are said; `anchors`: steps that a text may
 * link to, such as `#05/wake`: the first with such facts; `notes`: what is worth a pause there; `questions`: what is asked
 * before one, the right choice counts from 0.
 */
export const WORDS:
  & Record<"page" | "scene" | "trace" | "titles" | "steps" | "notes", Record<string, Text>>
  & {
    readonly terms: Text[];
    readonly anchors: Record<string, string>;
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

/** What is so of a step. What there is can be asked for by its name, and fills gaps of that name. */
function known(before: State, after: State, line: Line): Record<string, unknown> {
  const { who, call, args: [fd, , of, events], result, error, count, waits, note, place } = line;
  const thread = after.threads.find(({ name }) => name === who);
  const file = call === "accept4" && result > 0 ? fileAt(after, who, result) : fileAt(before, who, fd);
  const mine = after.sockets.find(({ client }) => client === who);
  const socket = mine ?? file as Socket | undefined;
  const clients = connections(after);
  const woken = after.woken?.name;
  const [was, ready] = [before, after].map(({ epolls }) =>
    epolls.flatMap(({ ready }) => ready).map(({ fd }) => fd)
  );
  return {
    ...{ fd, of, events, result, error, count: count?.toLocaleString("en") },
    client: socket?.client ? named(socket.client, after) : "the client",
    child: named(`child ${result}`, after),
    thread: call === "clone" ? noteOf(note.split(",")[0]) : named(who, after),
    ...mine && {
      queue: after.sockets.find(({ queue }) => queue)?.queue?.length,
      queued: queued(mine),
      wakes: woken && named(woken, after),
      nobody: !woken && after.threads.some(asleep),
      turns: !woken && !after.threads.some(asleep),
    },
    asleep: waits && asleep(thread!),
    awake: waits && !asleep(thread!),
    idle: count !== undefined && socket?.nonblocking === false,
    spins: clients.length > 0 && thread?.does === "spins",
    again: socket?.ended,
    over: socket?.over,
    lingers: socket?.over && place === before.threads.find(({ name }) => name === who)?.place, // in one call of the lesson's
    set: thread?.select?.asked.length,
    came: thread?.select?.came?.join(", ") ?? note.replace(/^waited [\d.]+ ms, /, ""),
    listed: ready.length > was.length,
    kept: ready.length > 0,
    dropped: waits && was.filter((fd) => !ready.includes(fd)).join(", "),
    others: (after.epolls[0]?.interest.length ?? 0) - result,
    left: call === "close" && after.sockets.find(({ id }) => id === file?.id)?.descriptors,
    stuck: after.threads.every(asleep) &&
      after.sockets.some(({ unread, nonblocking }) => unread > 0 && nonblocking),
    deserted: waits && clients.length > 0 && clients.every(({ gone }) => gone),
    asked: before.sockets.some(({ asked }) => asked > 0),
    answered: before.sockets.some(({ sent, over }) => sent > 0 && !over),
  };
}

/** The same on one line for patterns: `recv(23) …; main, asleep`. Of calls that found nothing after `×`. */
export function facts(before: State, after: State, line: Line): string {
  const { who, text, call, count } = line;
  const so = Object.entries(known(before, after, line)).filter(([, value]) => value);
  const what = call === "output" ? call : `${count === undefined ? "" : "× "}${text}`;
  return `${what}; ${[who, ...so.map((fact) => fact.join(" "))].join(", ")}`;
}

/** What a step did. */
export function explain(before: State, after: State, line: Line): string {
  const [so, values] = [facts(before, after, line), known(before, after, line)];
  return Object.entries(WORDS.steps).filter(([pattern]) => RegExp(pattern).test(so))
    .map(([, text]) => text[lang].replace(/\{(\w+)\}/g, (_, gap) => `${values[gap]}`))
    .join(lang ? "" : " ");
}
