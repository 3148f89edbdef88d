/** One test for each lesson and runtime. */
import { ALL_RUNTIMES, type Lesson, type Runtime, RUNTIMES } from "../support/runtimes.ts";

/** Runs `test` with each lesson under each runtime. What cannot run here is skipped, and the report names it. */
export function each(
  name: string,
  lessons: readonly Lesson[],
  test: (lesson: Lesson, runtime: Runtime) => Promise<void>,
  { ignore = false } = {},
): void {
  for (const runtime of ALL_RUNTIMES) {
    for (const lesson of lessons) {
      Deno.test({
        name: `${lesson} on ${runtime}: ${name}`,
        ignore: ignore || !RUNTIMES.includes(runtime),
        fn: () => test(lesson, runtime),
      });
    }
  }
}
