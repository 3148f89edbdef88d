/** Recordings: real runs of the lessons, and of experiments, each with the same clients, checked as they go. */
import { changed } from "../support/changed.ts";
import { connect, readAll, REQUEST, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { threadSeconds } from "../support/proc.ts";
import { type Lesson, ROOT, type Runtime } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { isClient, writeLine } from "../support/trace_lines.ts";
import { pause, until } from "../support/wait.ts";
import { asleep, connections, has, type State } from "./model.ts";
import { differences, observe } from "./observe.ts";
import { type Recorded, Run } from "./run.ts";
import stories from "./stories.json" with { type: "json" };
import { Watcher } from "./watch.ts";

/** What is run, and what its clients do. */
export interface Story {
  readonly id: string;
  readonly lesson: Lesson;
  /** The experiment in lessons/README.md that it is changed by. */
  readonly experiment?: string;
  /** What its clients do, each after the server has come to rest: `"1 connects, 1 asks, 1 sends, 1 closes"`. */
  readonly clients: string;
  /** The step that it ends with, if there is no rest any more: words.json, "anchors". */
  readonly ends?: string;
}

/** The six lessons, and what the article warns of or has got wrong. */
export const STORIES: readonly Story[] = stories as Story[];

/** How long after a client's event the next one comes, ms: so that one can see who sleeps meanwhile, and who does not. */
const REST = 100;

/** The program of a story: a lesson as it is, or a changed copy. */
export const scriptOf = async ({ lesson, experiment }: Story): Promise<string> =>
  experiment
    ? await changed(lesson, ...experiments.get(experiment)!.changes(lesson))
    : `${ROOT}lessons/${lesson}.ts`;

/** Whether all sleep, or main spins, as its processor time tells, and has found all that there is. */
function atRest(state: State, lesson: Lesson, used: number) {
  const { threads: [main, ...others], sockets, processes } = state;
  // 01 looks after its children when nobody has come for a second.
  const over = connections(state).every(({ gone }) => gone);
  if (!main || !others.every(asleep) || over && processes.some(({ ended }) => ended === "zombie")) {
    return false;
  }
  if (main.does === "joins") return lesson === "03-thread-pool" && others.length === 4;
  return main.does === "asleep" || used > REST / 1000 &&
      sockets.every((socket) => !has(socket) || socket.ended || socket.over);
}

/** Run a story; throws if it can't be told truly. */
export async function record(story: Story, runtime: Runtime): Promise<Recorded> {
  const { lesson, clients, ends = "" } = story;
  const script = await scriptOf(story);
  await using server = await start(lesson, runtime, { args: ["--trace"], script });
  const program = { file: script.replace(/^.*\//, ""), source: await Deno.readTextFile(script) };
  const watcher = new Watcher({ ...story, runtime, ...program, lines: [], rests: [] }, server);
  const { anchors, lines, recorded } = watcher;

  /** Wait until the server sleeps or spins, and the kernel holds what the trace tells. */
  async function rest(): Promise<void> {
    let problem: string[] = [];
    const drawnOut = pause(REST);
    const awake = threadSeconds(server.pid);
    await until(async () => {
      watcher.pass();
      const { state, lines: { length: after } } = watcher;
      if (!atRest(state, lesson, threadSeconds(server.pid) - awake)) return ends in anchors;
      const seen = observe(server.pid, server.port, state);
      problem = differences(state, seen);
      if (problem.length > 0) return false;
      await drawnOut;
      watcher.pass(); // now the next event comes, or the server was not at rest: a line that is late may belong before this
      return lines.length === after && recorded.rests.push({ after, seen });
    }, "rest").catch((cause) => {
      throw new Error([...problem, ...lines.slice(-6).map(writeLine)].join("\n"), { cause });
    });
  }

  await rest();
  const conns: Record<string, Deno.TcpConn> = {};
  for (const [number, does] of clients.split(", ").map((event) => event.split(" "))) {
    const conn = conns[number] ??= await connect(server);
    const text = { asks: REQUEST, sends: "x" }[does];
    if (does === "connects") readAll(conn).catch(() => {}); // it reads what comes, until it is closed
    const address = does === "connects" ? `127.0.0.1:${conn.localAddr.port}` : "";
    watcher.tell(`client ${number}`, text ? `sends ${text.length} B` : does, address);
    if (text) await sendAll(conn, text);
    if (does === "closes") conn.close();
    await rest();
  }

  watcher.splice(anchors[ends] ?? lines.length, Infinity);
  // The server's clock is known as well as a line comes fast: clients seem too early by what the quickest answer shows.
  const gaps = lines.flatMap((line, i) => isClient(line) ? (lines[i + 1]?.time ?? Infinity) - line.time : []);
  const early = Math.min(...gaps.filter((gap) => gap >= 0));
  const shifted = lines.map((line) => isClient(line) ? { ...line, time: line.time + early } : line);
  const recording = { ...recorded, lines: shifted.map(writeLine) };
  check(recording);
  return recording;
}

/** Throws where the state that the lines tell is another than what the kernel held. */
export function check(recording: Recorded): void {
  const { rests, lines } = recording;
  const { states, state: { doubts } } = new Run(recording);
  const wrong = [...doubts, ...rests.flatMap(({ after, seen }) => differences(states[after], seen))];
  const [first, last] = [rests[0], rests.at(-1)!].map(({ seen }) => seen);
  const threads = Math.max(...states.map(({ threads }) => threads.length));
  const most = (last.at - first.at) * threads + 0.03; // the kernel's figure of a thread that runs may be so old, s
  if (last.cpu - first.cpu > most) wrong.push(`more than ${most} s of processor time`);
  if (wrong.length > 0) throw new Error([...wrong, ...lines].join("\n"));
}
