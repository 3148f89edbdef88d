/** Recordings: real runs of the lessons, and of experiments, each with the same clients, checked as they go. */
import { changed } from "../support/changed.ts";
import { connect, REQUEST, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { type Lesson, ROOT, type Runtime } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { writeLine } from "../support/trace_lines.ts";
import { pause, waitFor } from "../support/wait.ts";
import { connections, type Socket, type State } from "./model.ts";
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
export type Recording = Story & Recorded;

/** How long a rest is drawn out, ms: so that one can see who sleeps in it, and who does not. */
const REST = 100;

/** How old the kernel's figure of a thread that runs may be, and how long it takes to read those of all, s. */
const LATE = 0.03;

/** The program of a story: a lesson as it is, or a changed copy. */
export const scriptOf = async ({ lesson, experiment }: Story): Promise<string> =>
  experiment
    ? await changed(lesson, ...experiments.get(experiment)!.changes(lesson))
    : `${ROOT}lessons/${lesson}.ts`;

/** Run a story; throws if it can't be told truly. */
export async function record(story: Story, runtime: Runtime): Promise<Recording> {
  const { lesson, silent, last } = story;
  const script = await scriptOf(story);
  await using server = await start(lesson, runtime, { args: ["--trace"], script });
  const watcher = new Watcher(server);
  const { rests } = watcher;

  /** Wait until the server sleeps or spins, has noticed what it has to, and the kernel holds what the trace tells. */
  async function rest(noticed: (clients: Socket[], state: State) => boolean): Promise<void> {
    let problem: string[] = [];
    await waitFor("rest", () => {
      watcher.pass();
      const { state, lines } = watcher;
      if (!watcher.atRest || !noticed(connections(state), state)) return false;
      const seen = observe(server.pid, server.port, state);
      problem = differences(state, seen);
      return problem.length === 0 && rests.push({ after: lines.length, seen });
    }).catch((cause) => {
      const last = watcher.lines.slice(-6).map(({ who, text }) => `${who} ${text}`);
      throw new Error([...problem, ...last].join("\n"), { cause });
    });
    await pause(REST);
  }

  const conns: Deno.TcpConn[] = [];
  const send = async (text: string, total: number) => {
    await sendAll(conns.at(-1)!, text);
    await rest((clients) => clients.at(-1)!.asked === total);
  };
  await rest((_, { threads }) => lesson !== "03-thread-pool" || threads.length === 5);
  for (let count = 1; count <= silent + 1; count++) {
    const conn = await connect(server);
    conn.readable.pipeTo(new WritableStream()).catch(() => {}); // it reads what comes, until it is closed
    conns.push(conn);
    await rest((clients) => clients.length === count);
  }
  if (last !== "leaves early") await send(REQUEST, REQUEST.length);
  if (last === "sends more") await send("x", REQUEST.length + 1);
  if (last === "leaves early") { // its end is read again and again: there is no rest any more
    conns[silent].close();
    const twice = await waitFor("an end that is read again", () => {
      watcher.pass();
      return watcher.lines.flatMap(({ text }, i) => /^recv.* = 0$/.test(text) ? [i + 1] : [])[1];
    });
    watcher.cut(twice);
  } else {
    // Who is answered has closed. Who is not, waits until the silent ones have gone.
    for (const [index, conn] of conns.entries()) {
      if (connections(watcher.state)[index].gone) continue;
      conn.close();
      await rest((clients) => clients[index].gone);
    }
    // 01 looks after its children when nobody has come for a second.
    await rest((_, { processes }) => processes.every(({ ended }) => ended !== "zombie"));
  }

  const lines = watcher.lines.map(({ time, who, text, note, place }) =>
    writeLine(time, who, text, note, place)
  );
  const program = { file: script.replace(/^.*\//, ""), source: await Deno.readTextFile(script) };
  const recording = { ...story, runtime, ...program, lines, rests };
  check(recording);
  return recording;
}

/** Throws where the state that the lines tell is another than what the kernel held. */
export function check(recording: Recording): void {
  const { states } = new Run(recording);
  const wrong = [
    ...states.flatMap(({ doubt }) => doubt ?? []),
    ...recording.rests.flatMap(({ after, seen }) => differences(states[after], seen)),
    ...recording.rests.slice(1).flatMap(({ after, seen }, i) => {
      const last = recording.rests[i];
      const threads = Math.max(...[last.after, after].map((step) => states[step].threads.length));
      const [cpu, time] = [seen.cpu - last.seen.cpu, seen.at - last.seen.at];
      return cpu > time * threads + LATE ? `${cpu} s of processor time in ${time} s, step ${after}` : [];
    }),
  ];
  if (wrong.length > 0) throw new Error([...wrong, ...recording.lines].join("\n"));
}
