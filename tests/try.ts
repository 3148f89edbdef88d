/**
 * `deno task try`: the experiments of lessons/README.md. `deno task try 06 edge-triggered` writes the changed lesson to
 * lessons/mine.ts, shows what has changed, and says what to do and what to look for. With `--zh` it speaks Chinese, by
 * lessons/README.zh.md.
 */
import { existsSync } from "node:fs";
import { applied } from "./support/changed.ts";
import { experiments, itemsIn } from "./support/experiments.ts";
import { LESSONS, ROOT } from "./support/runtimes.ts";

const MINE = `${ROOT}lessons/mine.ts`;

const zh = Deno.args.includes("--zh");
const [number, ...words] = Deno.args.filter((arg) => arg !== "--zh");
const say = (english: string, chinese: string) => console.log(zh ? chinese : english);

/** As it is written on the command line: `forget-the-parents-close`. */
const slug = (name: string) =>
  name.toLowerCase().replace(/['’]/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/-$/, "");

/** The experiments in the reader's language. Both files have them in the same order. */
const items = itemsIn(zh ? "README.zh.md" : "README.md");
const offers = LESSONS.flatMap((lesson) =>
  [...experiments.values()].flatMap((item, i) => {
    if (!item.lessons.includes(lesson)) return [];
    const below = items[i].text.replace(/^ *```.*?^ *```$/gms, "").split(/\n\s*\n/).slice(1); // the changes
    const text = below.join("\n").trim().replace(/^ +/gm, "");
    const command = `${lesson.slice(0, 2)} ${slug(items[i].name)}`;
    return [{ lesson, command, text, source: applied(lesson, item.changes(lesson)) }];
  })
);

const wanted = `${number} ${slug(words.join(" "))}`;
const found = words.length > 0 && offers.find(({ command }) => command.startsWith(wanted));
if (!found) {
  for (const name of LESSONS) {
    console.log(`\n${name}`);
    for (const { lesson, command } of offers) if (lesson === name) console.log(`  ${command}`);
  }
  if (number !== undefined) say(`\nThere is no ${wanted}.`, `\n没有 ${wanted}。`);
  say("\nFor example: deno task try 06 edge-triggered", "\n例如：deno task try --zh 06 边缘触发");
  Deno.exit(number === undefined ? 0 : 2);
}

if (existsSync(MINE) && !offers.some(({ source }) => source === Deno.readTextFileSync(MINE))) {
  say("lessons/mine.ts is your own work: rename it first", "lessons/mine.ts 里有你自己的改动，请先改名");
  Deno.exit(1);
}
Deno.writeTextFileSync(MINE, found.source);
const args = ["-U1", `--color=${Deno.noColor ? "never" : "auto"}`, `lessons/${found.lesson}.ts`, MINE];
new Deno.Command("diff", { args, cwd: ROOT, stdout: "inherit", stderr: "inherit" }).outputSync();
say("Start it:", "启动：");
console.log("\n  deno run -A lessons/mine.ts     or     bun …     or     node …\n");
console.log(found.text);
