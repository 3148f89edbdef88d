/** The changes that lessons/README.md, "Break it", offers, as it writes them. */
import { applied, atLine, type Change, replace } from "./changed.ts";
import { type Lesson, LESSONS, ROOT } from "./runtimes.ts";

/** What an item says to do, once its lines are joined. A block of code stands in double backticks then. */
const STEP = new RegExp(
  `(?:${
    [
      /``diff\n(?<diff>.*?)``/,
      /(?<where>at the top|(?:above|below) the line with `(?<mark>[^`]+)`): (?<tick>`+)(?:ts\n)?(?<lines>.*?)\k<tick>/,
      /remove the line with `(?<gone>[^`]+)`/,
      /`(?<from>[^`]+)` → `(?<to>[^`]+)`/,
    ].map(({ source }) => source).join("|")
  })(?: \\((?<scope>not|only) in (?<scoped>[^)]+)\\))?`,
  "gis",
);

/** One item of "Break it". */
export interface Item {
  readonly name: string;
  /** The lessons that it is for. */
  readonly lessons: readonly Lesson[];
  /** What it does to one of them. */
  changes(lesson: Lesson): Change[];
}

/** An item of a list is indented by two. */
const outdent = (text: string) => text.replace(/^ {2}/gm, "");

function changes(text: string, lesson: Lesson): Change[] {
  const joined = text.split(/^ *(```.*?^ *```)$/ms).map((part) =>
    part.startsWith("```") ? outdent(part.slice(1, -1)) : part.replace(/\s+/g, " ")
  ).join("");
  const steps: Change[] = [];
  for (const { groups = {} } of joined.matchAll(STEP)) {
    const { diff, where, mark, lines, gone, from, to, scope, scoped } = groups;
    if (scope && scoped.includes(lesson.slice(0, 2)) !== (scope === "only")) continue;
    if (diff !== undefined) steps.push(...hunks(diff));
    else if (gone !== undefined) steps.push(atLine(gone, ""));
    else if (from !== undefined) steps.push(replace(from, to));
    else if (mark === undefined) steps.push(atTop(lines));
    else steps.push(atLine(mark, /^above/i.test(where) ? `${lines.trimEnd()}\n…` : `…\n${lines.trimEnd()}`));
  }
  return steps;
}

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

/** Whom an item is for: the lesson above it, "(`01` to `05`)", "The same change fits `01` and `03`". */
function lessonsOf(heading: string, text: string): Lesson[] {
  const [, first = "01", last = "06"] = /^ \(`(\d\d)` to `(\d\d)`\)/.exec(text) ?? [];
  const fits = /The same change fits ([^;.]*)/.exec(text)?.[1] ?? "";
  return LESSONS.filter((lesson) => {
    const number = lesson.slice(0, 2);
    const here = heading === "In all six" ? number >= first && number <= last : lesson === heading;
    return here || fits.includes(number);
  });
}

/** The text of lessons/README.md, or of its translation: by heading, its items, each from its name on. */
export function itemsIn(file: string): [heading: string, items: string[]][] {
  return Deno.readTextFileSync(`${ROOT}lessons/${file}`).split(/^## /m).slice(1).map((part) => {
    const [heading, ...items] = part.split(/^- \*\*/m);
    return [heading.trim(), items];
  });
}

/** By heading and name: `"06-epoll: Answer 10 MB"`. */
export const experiments: ReadonlyMap<string, Item> = new Map(
  itemsIn("README.md").flatMap(([heading, items]) => {
    let above: Item["changes"];
    return items.map((item): [string, Item] => {
      const [, bold, text] = /^(.*?)\*\*(.*)$/s.exec(item)!;
      const name = bold.replace(/\s+/g, " ").replace(/[.`]/g, "");
      const goesOn = /The changes of the one above/.test(text) ? above : () => [];
      const own = (lesson: Lesson) => [...goesOn(lesson), ...changes(text, lesson)];
      above = own;
      return [`${heading}: ${name}`, { name, lessons: lessonsOf(heading, text), changes: own }];
    });
  }),
);

/** A lesson's source with the changes of an experiment, such as `"06-epoll: Answer 10 MB"`. */
export const changedBy = (item: Item, lesson: Lesson): string => applied(lesson, item.changes(lesson));
