/**
 * `deno task inside`: records the six lessons and four experiments, and makes of them a page to step through
 * (`--html FILE`) and pictures (`--svg DIR`). `deno task inside lessons/mine.ts`: the same page of a lesson that runs now.
 */
import { complain, readOptions, writeCharts } from "../support/command_line.ts";
import { RUNTIMES } from "../support/runtimes.ts";
import { build } from "./build.ts";
import { live } from "./live.ts";
import { pictures } from "./pictures.ts";
import { record, STORIES } from "./record.ts";
import type { Recorded } from "./run.ts";

const HELP = `deno task inside [options]
deno task inside [--runtime NAME] LESSON [the lesson's options]

  --runtime NAME  deno, bun or node (deno)
  --html FILE     write the page
  --svg DIR       draw the pictures
  --json FILE     write the recordings
  --from FILE     record nothing: take what --json wrote
  --help          print this text`;

const string = { type: "string" } as const;
const boolean = { type: "boolean" } as const;
const OPTIONS = { runtime: string, html: string, svg: string, json: string, from: string, help: boolean };

// What stands behind a lesson is the lesson's.
const at = Deno.args.findIndex((arg) => /\.[cm]?[jt]s$/.test(arg));
const [args, lesson] = at === -1 ? [Deno.args, []] : [Deno.args.slice(0, at), Deno.args.slice(at)];
const { runtime: name = "deno", html, svg, json, from } = readOptions("inside", HELP, OPTIONS, args);
const runtime = RUNTIMES.find((runtime) => runtime === name) ??
  complain("inside", `there is ${RUNTIMES.join(", ")} here, but no ${name}`);
if (lesson.length > 0) {
  const code = await live(lesson, runtime).catch(({ message, cause }) => {
    console.error(`inside: ${message || cause?.message}`);
    return 1;
  });
  Deno.exit(code);
}
if (!html && !svg && !json) complain("inside", "nothing to make: --html, --svg or --json");

const recordings: Recorded[] = from ? JSON.parse(await Deno.readTextFile(from)) : [];
for (const story of from ? [] : STORIES) {
  console.error(`${story.lesson}, ${story.experiment ?? "as it is"}`);
  recordings.push(await record(story, runtime));
}
if (json) await Deno.writeTextFile(json, JSON.stringify(recordings, null, 1) + "\n");
if (html) await Deno.writeTextFile(html, await build(recordings));
if (svg) await writeCharts(svg, pictures(recordings));
Deno.exit(0);
