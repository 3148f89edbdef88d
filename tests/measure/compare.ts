/**
 * `deno task compare`: the article's argument, measured on this machine. Each lesson under each runtime is a
 * process, and so is each model in CPython; the load and the silent clients come from processes of their own.
 * Rounds alternate, and what is printed are medians.
 */
import { parseArgs } from "node:util";
import { PEERS } from "../peers/peers.ts";
import { charts } from "../report/charts.ts";
import type { By, Figure, Run } from "../report/figures.ts";
import { report } from "../report/tables.ts";
import { LESSONS, RUNTIMES } from "../support/runtimes.ts";
import { COMMON, complain, describeMachine, obtain, progress, readOptions, writeCharts } from "./command.ts";
import { MEASURES } from "./measures.ts";

const noPython = PEERS.find(({ language }) => language === "CPython")!.leftOut();
const all: By[] = [...RUNTIMES, ...(noPython ? [] : ["python" as const])];

const options = readOptions(
  "compare",
  `
  --lesson NAME   only this lesson, such as 06-epoll (may be repeated)
  --by NAME       only this one of ${all.join(", ")} (may be repeated)`,
  () =>
    parseArgs({
      options: {
        ...COMMON,
        lesson: { type: "string", multiple: true, default: [...LESSONS] },
        by: { type: "string", multiple: true, default: all },
      },
    }).values,
);
for (const [given, known] of [[options.lesson, LESSONS], [options.by, all]] as const) {
  const unknown = given.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) complain("compare", `there is ${known.join(", ")} here, but no ${unknown}`);
}

const run = await obtain<Run>(options, async () => {
  const started = performance.now();
  const figures: Figure[] = [];
  const missing = noPython ? [`CPython: ${noPython}`] : [];
  const plan = {
    lessons: LESSONS.filter((lesson) => options.lesson.includes(lesson)),
    by: all.filter((by) => options.by.includes(by)),
    rounds: options.quick ? 1 : 3,
    seconds: options.quick ? 0.2 : 0.3,
    progress,
    missing: (text: string) => missing.push(text),
  };
  for (const measure of MEASURES) {
    for await (const figure of measure(plan)) figures.push(figure);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  return { machine: describeMachine(!noPython), seconds, figures, missing };
});
console.log(report(run));
if (options.svg) await writeCharts(options.svg, charts(run));
Deno.exit(0);
