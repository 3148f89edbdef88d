/** Tests of the experiments in lessons/README.md. */
import { assert, assertEquals } from "@std/assert";
import { type Change, changed } from "../support/changed.ts";
import { experiments } from "../support/experiments.ts";
import type { Lesson, Runtime } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { each } from "./each.ts";

const tried = new Set<string>();

/** What an item of "Break it" changes. */
export function changesOf(item: string): readonly Change[] {
  tried.add(item);
  const changes = experiments.get(item) ?? [];
  assert(changes.length > 0, `lessons/README.md has no experiment ${item}`);
  return changes;
}

/** Starts a copy of each lesson under each runtime, with the changes of these items, and then `more`. */
export function experiment(
  items: string | readonly string[],
  lessons: readonly Lesson[],
  test: (server: Server, lesson: Lesson, runtime: Runtime) => Promise<void>,
  { args = [] as readonly string[], more = [] as readonly Change[] } = {},
): void {
  const names = [items].flat();
  const changes = [...names.flatMap(changesOf), ...more];
  each(`Break it, ${names.at(-1)}`, lessons, async (lesson, runtime) => {
    await using server = await start(lesson, runtime, { script: await changed(lesson, ...changes), args });
    await test(server, lesson, runtime);
  });
}

/** To be called last: every item under these headings has been tried. */
export function complete(...headings: string[]): void {
  Deno.test(`every experiment has a test: ${headings.join(", ")}`, () => {
    const there = [...experiments.keys()].filter((item) =>
      headings.some((heading) => item.startsWith(`${heading}: `))
    );
    assertEquals(there.filter((item) => !tried.has(item)), []);
  });
}
