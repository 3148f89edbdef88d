/**
 * `deno task story [--runtime deno|bun|node] [--svg DIR]`: the same story under each lesson, as `--trace` tells it.
 * Four silent clients connect, one after another; then an ordinary one asks; then the silent ones leave. Prints
 * the story; with `--svg` also draws it.
 */
import { parseArgs } from "node:util";
import { pictures } from "../report/pictures.ts";
import { readStories } from "../report/story.ts";
import { connect, readAll, REQUEST, sendAll } from "../support/clients.ts";
import { children } from "../support/proc.ts";
import { type Lesson, LESSONS, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { pause, waitFor } from "../support/wait.ts";
import { complain, writeCharts } from "./command.ts";

/** So long, in ms, nothing must have happened before the next client comes; so that waiting can be seen, too. */
const REST = 150;

/** A count of calls that found nothing. */
const counts = (line: string) => readLine(line)[0]?.count !== undefined;

/** Wait until the server has printed nothing new for a while, but for counts. */
async function rest({ stdout }: Server): Promise<void> {
  for (let quiet = 0, seen = -1; quiet < REST; quiet += 10) {
    const lines = stdout.filter((line) => !counts(line)).length;
    if (lines !== seen) [quiet, seen] = [0, lines];
    await pause(10);
  }
}

/** The lines of one lesson's story: what its server did and, in between, what the clients did. */
async function tell(lesson: Lesson, runtime: Runtime): Promise<string[]> {
  await using server = await start(lesson, runtime, { args: ["--trace"] });
  /** Where each client has a process or a thread, that has to be seen asleep. */
  const many = lesson === "01-fork" || lesson === "02-thread" || lesson === "03-thread-pool";
  const asleep = (call: string) =>
    server.stdout.filter((line) => RegExp(`(child|worker) .* ${call}\\(\\d+\\) …$`).test(line)).length;
  await waitFor("a server that waits", () => {
    if (lesson === "03-thread-pool") return asleep("accept") === 4;
    return server.stdout.some((line) => line.endsWith("…") || counts(line));
  });
  await rest(server);

  const actions: Action[] = [];
  const say = (client: number, what: string) =>
    actions.push({ after: server.stdout.length, at: performance.now(), who: `client ${client}`, what });

  const silent = [];
  for (let client = 1; client <= 4; client++) {
    say(client, "connects");
    silent.push(await connect(server));
    if (many) await waitFor(`the server's ${client}`, () => asleep("recv") === client);
    await rest(server);
  }
  say(5, "connects and asks");
  const fifth = await connect(server);
  await sendAll(fifth, REQUEST);
  const answer = readAll(fifth).then((text) => {
    fifth.close();
    say(5, `has its answer, ${text.length} bytes`);
  });
  await rest(server);
  for (const [index, conn] of silent.entries()) {
    say(index + 1, "leaves");
    conn.close();
    await rest(server);
  }
  await answer;
  if (lesson === "01-fork") { // it looks after its children when nobody has come for a second
    await waitFor("no child", () => children(server.pid).length === 0);
    await rest(server);
  }
  return merge(server.stdout, actions);
}

/** What somebody did, when by the clock of this process, in ms, and after how many lines of the server's. */
interface Action {
  after: number;
  at: number;
  who: string;
  what: string;
}

/** The server's lines, with what the clients did between them. Of counts in a row only the last stays. */
function merge(lines: readonly string[], actions: readonly Action[]): string[] {
  const time = (line = "") => readLine(line)[0]?.time ?? NaN;
  // Client 1 finds the server waiting, so what it does and the next line are one moment, on two clocks.
  const offset = time(lines.slice(actions[0].after).find((line) => !counts(line))) - actions[0].at;
  const told: string[] = [];
  const waiting = [...actions];
  const tell = (line: string) => {
    if (counts(line) && counts(told.at(-1) ?? "")) told.pop();
    told.push(line);
  };
  const between = (next = Infinity) => {
    const { at, who, what } = waiting.shift()!;
    const then = Math.max(time(told.at(-1)), Math.min(at + offset, next)).toFixed(2);
    tell(`${then.padStart(10)} ms  ${who.padEnd(12)}  ${what}`);
  };
  for (const [index, line] of lines.entries()) {
    if (Number.isNaN(time(line))) continue;
    // A count that was still open is printed when something comes at last.
    while (waiting.length > 0 && waiting[0].after <= index && !counts(line)) between(time(line));
    const before = told.findLast((told) => / main /.test(told));
    if (counts(line) && before?.endsWith("…")) tell(`${line.slice(0, 15)}nobody        comes for a second`);
    tell(line);
  }
  while (waiting.length > 0) between();
  return told;
}

const HELP = `deno task story [options]

  --runtime NAME  deno, bun or node (deno)
  --svg DIR       draw a picture of each lesson, and one of all
  --help          print this text`;

function options() {
  const string = { type: "string" } as const;
  try {
    return parseArgs({
      args: Deno.args,
      options: { runtime: string, svg: string, help: { type: "boolean" } },
    }).values;
  } catch (error) {
    complain("story", (error as Error).message);
  }
}

const { runtime = "deno", svg, help } = options();
if (help) {
  console.log(HELP);
  Deno.exit(0);
}
if (!RUNTIMES.includes(runtime as Runtime)) {
  complain("story", `there is ${RUNTIMES.join(", ")} here, but no ${runtime}`);
}
let text = "";
for (const lesson of LESSONS) {
  const story = [`${lesson}, ${runtime}`, ...await tell(lesson, runtime as Runtime)].join("\n") + "\n\n";
  console.log(story.trimEnd() + "\n");
  text += story;
}
if (svg) await writeCharts(svg, pictures(readStories(text)));
