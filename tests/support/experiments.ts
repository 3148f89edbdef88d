/** The changes that lessons/README.md, "Break it", offers, as it writes them. */
import { atLine, type Change, replace } from "./changed.ts";
import { ROOT } from "./runtimes.ts";

/** What an item says to do, once its lines are joined. A block of code stands in double backticks then. */
const STEP = new RegExp(
  [
    /``diff\n(?<diff>.*?)``/,
    /at the top: `(?<top>[^`]+)`/,
    /(?<where>above|below) the line with `(?<mark>[^`]+)`: (``ts\n(?<block>.*?)``|`(?<line>[^`]+)`)/,
    /remove the line with `(?<gone>[^`]+)`/,
    /`(?<from>[^`]+)` → `(?<to>[^`]+)`/,
  ].map(({ source }) => source).join("|"),
  "gis",
);

function changes(item: string): Change[] {
  const joined = item.split(/^ *(```.*?^ *```)$/ms).map((part) =>
    part.startsWith("```") ? outdent(part.slice(1, -1)) : part.replace(/\s+/g, " ")
  ).join("");
  return [...joined.matchAll(STEP)].flatMap(({ groups = {} }) => {
    const { diff, top, where, mark, block, line, gone, from, to } = groups;
    if (diff !== undefined) return hunks(diff);
    if (top !== undefined) return [atTop(top)];
    if (gone !== undefined) return [atLine(gone, "instead", "")];
    if (from !== undefined) return [replace(from, to)];
    return [atLine(mark, where.toLowerCase() as "above" | "below", line ?? block.trimEnd())];
  });
}

/** An item of a list is indented by two. */
const outdent = (text: string) => text.replace(/^ {2}/gm, "");

/** Among the imports, where they begin. */
const atTop = (line: string): Change => (source) => source.replace(/^import /m, `${line}\nimport `);

/** Each part of a diff, from `@@` to `@@`: the lines that it removes or keeps, and those that stand there then. */
function hunks(diff: string): Change[] {
  return diff.split(/^@@\n/m).map((hunk) => {
    const lines = hunk.trimEnd().split("\n");
    const without = (sign: string) =>
      lines.filter((line) => line[0] !== sign).map((line) => line.slice(1)).join("\n");
    return replace(without("+"), without("-"));
  });
}

/** By heading and name: `"06-epoll: Answer 10 MB"`. */
export const experiments: ReadonlyMap<string, readonly Change[]> = new Map(
  Deno.readTextFileSync(`${ROOT}lessons/README.md`).split(/^## /m).slice(1)
    .flatMap((part) => {
      const [heading, ...items] = part.split(/^- \*\*/m);
      return items.map((item) => {
        const name = item.slice(0, item.indexOf("**")).replace(/\s+/g, " ").replace(/[.`]/g, "");
        return [`${heading.trim()}: ${name}`, changes(item)] as const;
      });
    }),
);
