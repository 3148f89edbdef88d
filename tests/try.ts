/**
 * `deno task try`: the experiments of lessons/README.md. `deno task try 06 edge-triggered` writes the changed lesson to
 * lessons/mine.ts, shows what has changed, checks the types, and says what to do and what to look for. With `--zh` it
 * speaks Chinese, by lessons/README.zh.md.
 */
import { changedBy, experiments, type Item, itemsIn } from "./support/experiments.ts";
import { type Lesson, LESSONS, ROOT } from "./support/runtimes.ts";

const MINE = `${ROOT}lessons/mine.ts`;
const sourceOf = (lesson: Lesson) => Deno.readTextFileSync(`${ROOT}lessons/${lesson}.ts`);

const zh = Deno.args.includes("--zh");
const [number, ...words] = Deno.args.filter((arg) => arg !== "--zh");
const say = (english: string, chinese: string) => console.log(zh ? chinese : english);

/** As it is written on the command line: `forget-the-parents-close`. */
const slug = (name: string) =>
  name.toLowerCase().replace(/['’]/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/-$/, "");

/** An experiment in the reader's language. Both files have them in the same order. */
interface Offer {
  readonly item: Item;
  readonly name: string;
  /** What to do and to look for: what stands below the changes. */
  readonly text: string;
}
const all = itemsIn(zh ? "README.zh.md" : "README.md").flatMap(([_, items]) => items);
const offers: Offer[] = [...experiments.values()].map((item, i) => {
  const [, name, body] = /^(.*?)[.。]?\*\*(.*)$/s.exec(all[i])!;
  const text = body.replace(/^ *```.*?^ *```$/gms, "").split(/\n\s*\n/).slice(1).join("\n").trim();
  return { item, name: name.replace(/\s+/g, " "), text: text.replace(/^ +/gm, "") };
}).filter(({ item }) => item.lessons.length > 0);

function list(): void {
  for (const lesson of LESSONS) {
    console.log(`\n${lesson}`);
    for (const { item, name } of offers) {
      if (item.lessons.includes(lesson)) console.log(`  ${lesson.slice(0, 2)} ${slug(name)}`);
    }
  }
}

/** Whether lessons/mine.ts is a reader's own work: not a lesson, and none of these changes. */
function isPrecious(): boolean {
  try {
    const mine = Deno.readTextFileSync(MINE);
    return LESSONS.every((lesson) => mine !== sourceOf(lesson)) &&
      offers.every(({ item }) => item.lessons.every((lesson) => mine !== changedBy(item, lesson)));
  } catch {
    return false; // there is none
  }
}

const lesson = LESSONS.find((lesson) => number && lesson.startsWith(number));
const mine = offers.filter(({ item }) => lesson && item.lessons.includes(lesson));
const wanted = slug(words.join(" "));
const found = mine.find(({ name }) => slug(name) === wanted) ??
  mine.find(({ name }) => wanted && slug(name).startsWith(wanted));
if (!lesson || !found) {
  list();
  say("\nFor example: deno task try 06 edge-triggered", "\n例如：deno task try --zh 06 边缘触发");
  Deno.exit(number === undefined ? 0 : 2);
}
if (isPrecious()) {
  say("lessons/mine.ts is your own work: rename it first", "lessons/mine.ts 里有你自己的改动，请先改名");
  Deno.exit(1);
}
Deno.writeTextFileSync(MINE, changedBy(found.item, lesson));
/** Run a command, which prints where this one does. Whether it has succeeded. */
const run = (program: string, ...args: string[]) =>
  new Deno.Command(program, { args, cwd: ROOT, stdout: "inherit", stderr: "inherit" }).outputSync().success;
run("diff", "-U1", `--color=${Deno.noColor ? "never" : "auto"}`, `lessons/${lesson}.ts`, MINE);
if (!run(Deno.execPath(), "check", "--quiet", MINE)) Deno.exit(1);
say("The types are right. Start it:", "类型没有问题。启动：");
console.log("\n  deno run -A lessons/mine.ts     or     bun …     or     node …\n");
console.log(found.text);
