/** Lessons with changes, as a reader makes them: copies in a folder of their own. */
import { type Lesson, ROOT } from "./runtimes.ts";

/** Makes a new source out of a lesson's; throws if it does not fit it (any more). */
export type Change = (source: string) => string;

/** Write `to` in the place of `from`, which the lesson has once. */
export const replace = (from: string, to: string): Change => (source) => {
  const pieces = source.split(from);
  if (pieces.length !== 2) throw new Error(`the lesson has ${pieces.length - 1} times ${from}`);
  return pieces.join(to);
};

/** Write `lines`, indented as it was, in the place of the line that has `mark`; `…` among them is that line. */
export const atLine = (mark: string, lines: string): Change => (source) => {
  const line = source.split("\n").find((line) => line.includes(mark)) ?? "";
  const [indent, text] = [line.replace(/\S.*/, ""), line.trim()];
  const there = lines &&
    lines.split("\n").map((line) => `${indent}${line.replace("…", () => text)}\n`).join("");
  return replace(`${line}\n`, there)(replace(mark, mark)(source)); // the mark stands there once
};

/** A lesson's source with these changes, one after the other. */
export function applied(lesson: Lesson, changes: readonly Change[]): string {
  const source = Deno.readTextFileSync(`${ROOT}lessons/${lesson}.ts`);
  return changes.reduce((source, change) => change(source), source);
}

/** A copy of a lesson with these changes. Its path; the folder goes with the test's process. */
export const changed = (lesson: Lesson, ...changes: readonly Change[]): Promise<string> =>
  written({ "mine.ts": applied(lesson, changes) });

/** It has such a name as a reader's may have, and the project's `shared/`; it goes with the test's process. */
const FOLDER = Deno.makeTempDirSync({ prefix: "100% grüße " });
addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));
Deno.symlinkSync(`${ROOT}shared`, `${FOLDER}/shared`);

/** Files beside each other, in a folder beside `shared/`. The path of the first. */
export async function written(files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: FOLDER });
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
  return `${folder}/${Object.keys(files)[0]}`;
}
