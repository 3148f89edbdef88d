/** Recordings: real runs of the lessons, and of experiments, each with the same clients, checked as they go. */
import { changed } from "../support/changed.ts";
import { connect, REQUEST, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { type Lesson, ROOT, type Runtime } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { readLine, writeLine } from "../support/trace_lines.ts";
import { pause } from "../support/wait.ts";
import type { State } from "./model.ts";
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
  /** How many clients connect and say nothing, before the one that asks. */
  readonly silent: number;
  /** What that one does instead of asking, or beside it. */
  readonly last?: "leaves early" | "sends more";
}

/** The six lessons, and what the article warns of or has got wrong. */
export const STORIES: readonly Story[] = stories as Story[];

/** A run: its program, and what happened. */
export interface Recording extends Story, Recorded {
  readonly runtime: Runtime;
}

/** How long a rest is drawn out, ms: so that one can see who sleeps in it, and who does not. */
const REST = 100;
/** So long, in ms, a server may take to come to rest. */
const PATIENCE = 20_000;

/** Run a story; throws if it can't be told truly. */
export async function record(story: Story, runtime: Runtime): Promise<Recording> {
  const { lesson, experiment, silent, last } = story;
  const script = experiment
    ? await changed(lesson, ...experiments.get(experiment)!.changes(lesson))
    : `${ROOT}lessons/${lesson}.ts`;
  await using server = await start(lesson, runtime, { args: ["--trace"], script });
  const watcher = new Watcher();
  watcher.port = server.port;
  const rests: Recorded["rests"] = [];
  let read = 0;

  /** Wait until the server sleeps or spins, what it has to have noticed is noticed, and the kernel holds what the trace tells. */
  async function rest(noticed: (state: State) => boolean): Promise<void> {
    let problem: string[] = [];
    const { stdout, port, pid } = server;
    let quiet = 0;
    for (const end = performance.now() + PATIENCE; performance.now() < end; await pause(10)) {
      const lines = stdout.slice(read);
      read += lines.length;
      watcher.take(lines.flatMap(readLine));
      const spins = watcher.state.threads.some(({ spins }) => spins > 0);
      quiet = lines.length === 0 || spins ? quiet + 1 : 0; // what it has printed has to come through its pipe
      if (quiet < 3 || !watcher.atRest) continue;
      watcher.look();
      if (!watcher.atRest || !noticed(watcher.state)) continue;
      const seen = observe(pid, port, watcher.state);
      problem = differences(watcher.state, seen);
      if (problem.length > 0 || stdout.length > read && !spins) continue;
      rests.push({ after: watcher.lines.length, seen });
      return pause(REST);
    }
    const last = watcher.lines.slice(-6).map(({ text }) => text);
    throw new Error(["no rest:", ...problem, ...last, JSON.stringify(watcher.state)].join("\n"));
  }

  const conns: Deno.TcpConn[] = [];
  const send = async (text: string, total: number) => {
    await sendAll(conns.at(-1)!, text);
    await rest(({ clients }) => clients.at(-1)!.asked === total);
  };
  await rest(({ threads }) => lesson !== "03-thread-pool" || threads.length === 5);
  for (let count = 1; count <= silent + 1; count++) {
    const conn = await connect(server);
    conn.readable.pipeTo(new WritableStream()).catch(() => {}); // it reads what comes, until it is closed
    conns.push(conn);
    await rest(({ clients }) => clients.length === count);
  }
  if (last !== "leaves early") await send(REQUEST, REQUEST.length);
  if (last === "sends more") await send("x", REQUEST.length + 1);
  // Who is answered closes; who is not, waits until the silent ones have gone.
  const others = last === "leaves early" ? [] : [...Array(silent).keys()];
  for (const index of [silent, ...others.flatMap((index) => [index, silent])]) {
    const { over, gone } = watcher.state.clients[index];
    const all = others.every((index) => watcher.state.clients[index].gone);
    if (gone || !(index < silent || over || all)) continue;
    conns[index].close();
    await rest(({ clients }) => clients[index].gone);
  }
  // 01 looks after its children when nobody has come for a second.
  await rest(({ processes }) => processes.every(({ zombie }) => !zombie));

  const file = script.replace(/^.*\//, "");
  const lines = watcher.lines.map(({ time, who, text, note, place }) =>
    writeLine(time, who, text, note, place)
  );
  const recording = { ...story, runtime, file, source: await Deno.readTextFile(script), lines, rests };
  check(recording);
  return recording;
}

/** Throws where the state that the lines tell is another than what the kernel held. */
export function check(recording: Recording): void {
  const { states } = new Run(recording);
  const wrong = [
    ...states.flatMap(({ doubt }) => doubt ?? []),
    ...recording.rests.flatMap(({ after, seen }) => differences(states[after], seen)),
  ];
  if (wrong.length > 0) throw new Error([...wrong, ...recording.lines].join("\n"));
}
