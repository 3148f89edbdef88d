/** Declares tests: one for each lesson and runtime, also of the experiments of lessons/README.md. */
import assert, { deepStrictEqual as assertEquals } from "node:assert/strict";
import { type Change, changed } from "./changed.ts";
import { ask, connect, get, RESPONSE_TEXT, silent } from "./clients.ts";
import { experiments } from "./experiments.ts";
import { cpuSeconds } from "./proc.ts";
import { ALL_RUNTIMES, type Lesson, LESSONS, type Runtime, RUNTIMES } from "./runtimes.ts";
import { ended, says, type Server, start, type StartOptions } from "./servers.ts";
import { unread } from "./sockets.ts";
import { pause, until } from "./wait.ts";

/** Lessons in which each client has a process or a thread, and in which one thread serves all. */
export const [BY_MANY, BY_ONE] = [LESSONS.slice(0, 3), LESSONS.slice(3)];

/** Runs `test` once a runtime. What cannot run here is skipped, and the report names it. */
export function once(name: string, test: (runtime: Runtime) => Promise<void>, ignore = false, lesson = "") {
  for (const runtime of ALL_RUNTIMES) {
    const ignored = ignore || !RUNTIMES.includes(runtime);
    Deno.test(`${lesson}on ${runtime}: ${name}`, { ignore: ignored }, () => test(runtime));
  }
}

/** How the servers of a test are started. */
interface Setup extends StartOptions {
  /** A copy with these changes, instead of the lesson. */
  readonly changes?: (lesson: Lesson) => readonly Change[];
  readonly ignore?: boolean;
}
type Test = (server: Server, lesson: Lesson, runtime: Runtime) => Promise<void> | void;

/** Runs `test` with a server of each lesson under each runtime. */
export function each(name: string, lessons: readonly Lesson[], test: Test, setup: Setup = {}): void {
  const { changes, ignore, ...options } = setup;
  for (const lesson of lessons) {
    const served = async (runtime: Runtime) => {
      const script = changes && await changed(lesson, ...changes(lesson));
      await using server = await start(lesson, runtime, { script, ...options });
      await test(server, lesson, runtime);
    };
    once(name, served, ignore, `${lesson} `);
  }
}

/**
 * A test: while so many silent clients take all that there is, as `full` says, the next client waits. It is served when
 * one of them leaves.
 */
export const nextWaits = (count: number, full: (server: Server) => boolean) => async (server: Server) => {
  using clients = await silent(server, count);
  await until(() => full(server));
  const next = get(server);
  await unread(server);
  await pause(100); // the time in which nobody else, a thread that was just starting, must read it
  assert(full(server));
  clients[0].close();
  assertEquals(await next, RESPONSE_TEXT);
};

/** A test: a client leaves, and the server spins: half a second of CPU time, though nobody asks it for anything. */
export async function spins(server: Server): Promise<void> {
  (await connect(server)).close();
  const before = cpuSeconds(server.pid);
  await until(() => cpuSeconds(server.pid) > before + 0.5);
}

/**
 * A test of a changed lesson: whether its clients are "answered" or "left" without an answer; whether the server "ends",
 * with the code 1, at the first of them; what it prints on standard error.
 */
export const outcome = (seen: string, printed: RegExp) => async (server: Server) => {
  const ends = seen.endsWith("ends");
  for (let i = 0; i < (ends ? 1 : 5); i++) {
    const answer = await ask(server, "/").catch((error) => ends ? "" : Promise.reject(error));
    if (/answered|left/.test(seen)) assertEquals(answer, seen.startsWith("answered") ? RESPONSE_TEXT : "");
  }
  if (ends) assertEquals(await ended(server), 1);
  await says(server, printed);
};

/** The experiments that have a test. */
export const tried: Set<string> = new Set();
/** Tests an experiment of lessons/README.md: with its changes, and then `more`, in the lessons that it is for. */
export function experiment(
  name: string,
  test: Test,
  { lessons, more = [], ...setup }: Setup & { lessons?: readonly Lesson[]; more?: Change[] } = {},
): void {
  const item = experiments.get(name);
  if (!item) throw new Error(`lessons/README.md has no experiment "${name}"`);
  tried.add(name);
  const changes = (lesson: Lesson) => [...item.changes(lesson), ...more];
  each(`Break it, ${name}`, lessons ?? item.lessons, test, { ...setup, changes });
}
