/** Declares tests: one for each lesson and runtime, one for each experiment of lessons/README.md. */
import { assertEquals } from "@std/assert";
import { type Change, changed } from "./changed.ts";
import { experiments } from "./experiments.ts";
import { ALL_RUNTIMES, type Lesson, LESSONS, type Runtime, RUNTIMES } from "./runtimes.ts";
import { type Server, start } from "./servers.ts";

/** Runs `test` with each lesson under each runtime. What cannot run here is skipped, and the report names it. */
export function each(
  name: string,
  lessons: readonly Lesson[],
  test: (lesson: Lesson, runtime: Runtime) => Promise<void>,
  options?: { ignore?: boolean },
): void {
  for (const lesson of lessons) once(name, (runtime) => test(lesson, runtime), options, `${lesson} `);
}

/** Runs `test` once a runtime: for what all lessons have in common. */
export function once(
  name: string,
  test: (runtime: Runtime) => Promise<void>,
  { ignore = false } = {},
  lesson = "",
): void {
  for (const runtime of ALL_RUNTIMES) {
    Deno.test({
      name: `${lesson}on ${runtime}: ${name}`,
      ignore: ignore || !RUNTIMES.includes(runtime),
      fn: () => test(runtime),
    });
  }
}

/** How the tests of the experiments under one heading are declared. */
export type Experiment = (
  name: string,
  test: (server: Server, lesson: Lesson, runtime: Runtime) => Promise<void>,
  options?: { lessons?: readonly Lesson[]; args?: readonly string[]; more?: readonly Change[] },
) => void;

/**
 * Declares the tests of the experiments under `heading`: each starts a copy with the item's changes, and then
 * `more`, in the lessons that the item names. One more test says that none of them was forgotten.
 */
export function experimentsOf(heading: string, declare: (experiment: Experiment) => void): void {
  const tried = new Set<string>();
  declare((name, test, { lessons, args = [], more = [] } = {}) => {
    const item = experiments.get(`${heading}: ${name}`);
    if (!item) throw new Error(`lessons/README.md has no experiment "${heading}: ${name}"`);
    tried.add(name);
    each(`Break it, ${name}`, lessons ?? item.lessons, async (lesson, runtime) => {
      const script = await changed(lesson, ...item.changes(lesson), ...more);
      await using server = await start(lesson, runtime, { script, args });
      await test(server, lesson, runtime);
    });
  });
  Deno.test(`every experiment has a test: ${heading}`, () => {
    const all = [...experiments.values()].filter((item) => item.heading === heading);
    assertEquals(all.map((item) => item.name).filter((name) => !tried.has(name)), []);
  });
}

/** Lessons in which each client has a process or a thread, and in which one thread serves all. */
export const [BY_MANY, BY_ONE] = [LESSONS.slice(0, 3), LESSONS.slice(3)];
