/** Recordings: real runs of the lessons, and of experiments, each with the same clients, checked as they go. */
import { changed } from "../support/changed.ts";
import { connect, readAll, REQUEST, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { type Lesson, ROOT, type Runtime } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { writeLine } from "../support/trace_lines.ts";
import { pause, waitFor } from "../support/wait.ts";
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
  /** How many clients connect and say nothing, before the one that asks. */
  readonly silent: number;
  /** What that one does instead of asking, or beside it. */
  readonly last?: "leaves early" | "sends more";
}

/** The six lessons, and what the article warns of or has got wrong. */
export const STORIES: readonly Story[] = stories as Story[];

/** How long after a client's event the next one comes, ms: so that one can see who sleeps meanwhile, and who does not. */
const REST = 100;

/** How old the kernel's figure of a thread that runs may be, and how long it takes to read those of all, s. */
const LATE = 0.03;

/** The program of a story: a lesson as it is, or a changed copy. */
export const scriptOf = async ({ lesson, experiment }: Story): Promise<string> =>
  experiment
    ? await changed(lesson, ...experiments.get(experiment)!.changes(lesson))
    : `${ROOT}lessons/${lesson}.ts`;

/** Whether nobody is awake, but for who spins, and who spins has found all that there is. */
const atRest = ({ threads, sockets }: State) =>
  threads.every((thread) => asleep(thread) || thread.does === "spins") &&
  (threads.every(asleep) || sockets.every((socket) => !has(socket) || socket.ended || socket.over));

/** Run a story; throws if it can't be told truly. */
export async function record(story: Story, runtime: Runtime): Promise<Recorded> {
  const { lesson, silent, last } = story;
  const script = await scriptOf(story);
  await using server = await start(lesson, runtime, { args: ["--trace"], script });
  const file = script.replace(/^.*\//, "");
  const source = await Deno.readTextFile(script);
  const watcher = new Watcher({ ...story, runtime, file, source, lines: [], rests: [] }, server);

  /** Wait until the server sleeps or spins, as it is to, and the kernel holds what the trace tells. */
  async function rest(as = (_: State) => true): Promise<void> {
    let problem: string[] = [];
    const drawnOut = pause(REST);
    await waitFor("rest", () => {
      watcher.pass();
      const { state, lines } = watcher;
      if (!atRest(state) || !as(state)) return false;
      const seen = observe(server.pid, server.port, state);
      problem = differences(state, seen);
      return problem.length === 0 && watcher.recorded.rests.push({ after: lines.length, seen });
    }).catch((cause) => {
      throw new Error([...problem, ...watcher.lines.slice(-6).map(writeLine)].join("\n"), { cause });
    });
    await drawnOut;
    watcher.pass(); // now the next event comes
  }
  const conns: Deno.TcpConn[] = [];
  async function send(text: string) {
    watcher.tell(`client ${silent + 1}`, `sends ${text.length} B`);
    await sendAll(conns[silent], text);
    await rest();
  }
  function close(index: number) {
    watcher.tell(`client ${index + 1}`, "closes");
    conns[index].close();
  }
  await rest(({ threads }) => threads.length === (lesson === "03-thread-pool" ? 5 : 1));
  for (let count = 1; count <= silent + 1; count++) {
    const conn = await connect(server);
    readAll(conn).catch(() => {}); // it reads what comes, until it is closed
    conns.push(conn);
    watcher.tell(`client ${count}`, "connects", `127.0.0.1:${conn.localAddr.port}`);
    await rest();
  }
  if (last === "leaves early") { // its end is read again and again: there is no rest any more
    close(silent);
    const ends = () => watcher.lines.flatMap(({ text }, i) => /^recv.* = 0$/.test(text) ? [i + 1] : []);
    watcher.cut(await waitFor("an end that is read again", () => (watcher.pass(), ends()[1])));
  } else {
    await send(REQUEST);
    if (last === "sends more") await send("x");
    for (const _ of conns) { // who is answered leaves first
      const clients = connections(watcher.state);
      const here = clients.filter(({ gone }) => !gone);
      close(clients.indexOf(here.find(({ over }) => over) ?? here[0]));
      await rest();
    }
    // 01 looks after its children when nobody has come for a second.
    await rest(({ processes }) => processes.every(({ ended }) => ended !== "zombie"));
  }

  const recording = { ...watcher.recorded, lines: watcher.lines.map(writeLine) };
  check(recording);
  return recording;
}

/** Throws where the state that the lines tell is another than what the kernel held. */
export function check(recording: Recorded): void {
  const { rests, lines } = recording;
  const { states } = new Run(recording);
  const wrong = [
    ...states.flatMap(({ doubt }) => doubt ?? []),
    ...rests.flatMap(({ after, seen }) => differences(states[after], seen)),
    ...rests.slice(1).flatMap(({ after, seen }, i) => {
      const last = rests[i];
      const threads = Math.max(...[last.after, after].map((step) => states[step].threads.length));
      const [cpu, time] = [seen.cpu - last.seen.cpu, seen.at - last.seen.at];
      return cpu > time * threads + LATE ? `${cpu} s of processor time in ${time} s, step ${after}` : [];
    }),
  ];
  if (wrong.length > 0) throw new Error([...wrong, ...lines].join("\n"));
}
