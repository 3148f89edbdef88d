/** Lessons with changes, as a reader makes them: copies in a folder of their own. */
import { type Lesson, ROOT } from "./runtimes.ts";

/** Makes a new source out of a lesson's; throws if it does not fit it (any more). */
export type Change = (source: string) => string;

/** Write `to` in the place of `from`, which the lesson has once. */
export function replace(from: string, to: string): Change {
  return (source) => {
    const pieces = source.split(from);
    if (pieces.length !== 2) throw new Error(`the lesson has ${pieces.length - 1} times ${from}`);
    return pieces.join(to);
  };
}

/** Write `lines`, indented as it was, in the place of the line that has `mark`; `…` among them is that line. */
export function atLine(mark: string, lines: string): Change {
  return (source) => {
    const all = source.split("\n");
    const marked = all.filter((line) => line.includes(mark));
    if (marked.length !== 1) throw new Error(`the lesson has ${marked.length} lines with ${mark}`);
    const indent = /^ */.exec(marked[0])![0];
    const line = marked[0].trimStart();
    const there = lines === "" ? [] : lines.split("\n").map((text) => indent + text.replace("…", () => line));
    all.splice(all.indexOf(marked[0]), 1, ...there);
    return all.join("\n");
  };
}

/** A lesson's source with these changes, one after the other. */
export function applied(lesson: Lesson, changes: readonly Change[]): string {
  const source = Deno.readTextFileSync(`${ROOT}lessons/${lesson}.ts`);
  return changes.reduce((source, change) => change(source), source);
}

/** A copy of a lesson with these changes. Its path; the folder goes with the test's process. */
export const changed = (lesson: Lesson, ...changes: readonly Change[]): Promise<string> =>
  written({ "mine.ts": applied(lesson, changes) });

/**
 * Files beside each other in a `lessons/` that has the project's `shared/` for a neighbour. The path of the first. It is
 * such a path as a reader may have.
 */
export async function written(files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "100% grüße " });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  await Deno.mkdir(`${folder}/lessons`);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/lessons/${name}`, text);
  }
  await Deno.symlink(`${ROOT}shared`, `${folder}/shared`);
  return `${folder}/lessons/${Object.keys(files)[0]}`;
}
