/**
 * `deno task inside`: records the six lessons and four experiments, and makes of them a page to step through
 * (`--html FILE`) and pictures (`--svg DIR`). `deno task inside lessons/mine.ts`: the same page of a lesson that runs now.
 */
import { complain, readOptions, writeCharts } from "../support/command_line.ts";
import { build } from "./build.ts";
import { live } from "./live.ts";
import { pictures } from "./pictures.ts";
import { record, STORIES } from "./record.ts";
import type { Recorded } from "./run.ts";

const HELP = `deno task inside [options]
deno task inside LESSON [the lesson's options]

  --html FILE     write the page
  --svg DIR       draw the pictures
  --json FILE     write the recordings
  --from FILE     record nothing: take what --json wrote
  --help          print this text`;

const string = { type: "string" } as const;
const OPTIONS = { html: string, svg: string, json: string, from: string };

// What stands behind a lesson is the lesson's.
const at = [...Deno.args, ".ts"].findIndex((arg) => /\.[cm]?[jt]s$/.test(arg));
const { html, svg, json, from } = readOptions("inside", HELP, OPTIONS, Deno.args.slice(0, at));
if (at < Deno.args.length) {
  await live(Deno.args.slice(at)).catch(({ message, cause }) => complain("inside", message || cause));
  Deno.exit(0);
}
if (!html && !svg && !json) complain("inside", "nothing to make: --html, --svg or --json");

const recordings: Recorded[] = from ? JSON.parse(await Deno.readTextFile(from)) : [];
for (const story of from ? [] : STORIES) {
  console.error(`${story.lesson}, ${story.experiment ?? "as it is"}`);
  recordings.push(await record(story, "deno"));
}
if (json) await Deno.writeTextFile(json, JSON.stringify(recordings, null, 1) + "\n");
if (html) await Deno.writeTextFile(html, await build(recordings));
if (svg) await writeCharts(svg, pictures(recordings));
Deno.exit(0);
