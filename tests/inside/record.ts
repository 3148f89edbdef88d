/** Recordings: real runs of the lessons, and of experiments, each with the same clients, checked against /proc as they go. */
import { changed } from "../support/changed.ts";
import { connect, REQUEST, sendAll } from "../support/clients.ts";
import { experiments } from "../support/experiments.ts";
import { type Lesson, ROOT, type Runtime } from "../support/runtimes.ts";
import { type Server, start } from "../support/servers.ts";
import { type Line, readLine, writeLine } from "../support/trace.ts";
import { pause } from "../support/wait.ts";
import { advance, START, type State, states } from "./model.ts";
import { differences, type Observation, observe } from "./observe.ts";

/** Which lesson is run, with which change, and what its clients do. */
export interface Story {
  /** By this a page and a link name it: `"05"`, `"06-edge"`. */
  readonly id: string;
  readonly lesson: Lesson;
  /** The experiment in lessons/README.md. */
  readonly experiment?: string;
  /** Clients that connect and say nothing. */
  readonly silent: number;
  /** Another than the ordinary client that asks: it leaves before it has; it sends a byte more when it has. */
  readonly last?: "leaves early" | "sends more";
}

/** The six lessons, and what the article warns of or has got wrong. */
export const STORIES: readonly Story[] = [
  { id: "01", lesson: "01-fork", silent: 4 },
  { id: "02", lesson: "02-thread", silent: 4 },
  { id: "03", lesson: "03-thread-pool", silent: 4 },
  { id: "04", lesson: "04-busy-poll", silent: 4 },
  { id: "05", lesson: "05-select", silent: 4 },
  { id: "06", lesson: "06-epoll", silent: 4 },
  { id: "01-close", lesson: "01-fork", experiment: "01-fork: Forget it, and close plainly", silent: 1 },
  {
    id: "04-block",
    lesson: "04-busy-poll",
    experiment: "04-busy-poll: Leave the accepted sockets blocking",
    silent: 2,
  },
  {
    id: "06-edge",
    lesson: "06-epoll",
    experiment: "06-epoll: Edge-triggered",
    silent: 1,
    last: "sends more",
  },
  {
    id: "06-leaver",
    lesson: "06-epoll",
    experiment: "06-epoll: Never close an early leaver",
    silent: 1,
    last: "leaves early",
  },
];

/** A run: its program, and what happened. */
export interface Recording extends Story {
  readonly runtime: Runtime;
  readonly file: string;
  readonly source: string;
  /** Lines as `--trace` prints them, with those of the clients, in the order in which things happened. */
  readonly lines: string[];
  /** What /proc said after so many lines, when all had come to rest. */
  readonly rests: { readonly after: number; readonly seen: Observation }[];
}

/** How long a rest is drawn out, ms: so that one can see who sleeps in it, and who does not. */
const REST = 100;
/** So long, in ms, a server may take to come to rest. */
const PATIENCE = 20_000;
/** So many times in a row the same lines are a server that spins. */
const SPINS = 200;

class Recorder {
  readonly lines: string[] = [];
  readonly rests: { after: number; seen: Observation }[] = [];
  state: State = START;
  /** How many lines of the server's output are told. */
  #read = 0;
  /** This process's clock, less the server's, ms. */
  #offset = -Infinity;
  /** What a client did last, by our clock, and which line tells it. */
  #act?: { at: number; index: number };
  /** What clients have received since the last rest, by our clock; 0 bytes are the end. */
  readonly received: { at: number; who: string; bytes: number }[] = [];

  constructor(readonly server: Server, readonly lesson: Lesson) {}

  /** A client does something, while all is at rest; `action` returns what else is to be said of it. */
  async act(who: string, text: string, action: () => Promise<string> | string): Promise<void> {
    await pause(REST);
    for (const line of this.#fresh()) this.#tell(line);
    this.#read = this.server.stdout.length;
    const at = performance.now();
    const note = await action();
    this.#act = { at, index: this.lines.length };
    const last = readLine(this.lines.at(-1)!)[0].time;
    // When the server reacts to the first, it becomes known what its clock says.
    const time = this.#offset === -Infinity ? last : Math.max(last, at - this.#offset);
    this.#tell(readLine(writeLine(time, who, text, note))[0]);
    await this.rest();
  }

  #tell(line: Line) {
    if (sameCount(line, readLine(this.lines.at(-1) ?? "")[0])) this.lines.pop();
    this.lines.push(writeLine(line.time, line.who, line.text, line.note, line.place));
    this.state = advance(this.state, line);
  }

  /** Wait until the server sleeps, or spins, and the kernel holds what the trace tells. */
  async rest(also: (state: State) => boolean = () => true): Promise<void> {
    let problem: string[] = [];
    for (const end = performance.now() + PATIENCE; performance.now() < end; await pause(10)) {
      const count = this.server.stdout.length;
      const fresh = this.#fresh();
      const state = fresh.reduce(advance, this.state);
      if (!this.#atRest(state) || !also(state)) continue;
      const seen = observe(this.server.pid, this.server.port, state);
      problem = differences(state, seen);
      await pause(20); // what it printed meanwhile has to come through its pipe
      const spins = state.threads.some(({ spins }) => spins > 0);
      if (problem.length > 0 || this.server.stdout.length !== count && !spins) continue;
      this.#read = count;
      this.received.length = 0;
      this.#act = undefined;
      for (const line of fresh) this.#tell(line);
      this.rests.push({ after: this.lines.length, seen });
      return;
    }
    throw new Error(
      `no rest: ${[...problem, ...this.lines.slice(-3), ...this.server.stdout.slice(-6)].join("\n")}`,
    );
  }

  #atRest({ threads, clients, sockets }: State): boolean {
    const joining = this.lesson === "03-thread-pool" && threads.length === 5; // its main thread has created four
    const sleeps = threads.every(({ name, inside, woken, spins }) =>
      inside?.sleeps && !woken || spins > 0 || joining && name === "main"
    );
    // Who spins finds what there is, and has found it only when nothing is left.
    const asked = sockets.filter(({ nonblocking }) => nonblocking && threads.some(({ spins }) => spins > 0));
    const found = asked.every(({ queue, unread, fin, ended }) =>
      !queue?.length && !unread && (!fin || ended)
    );
    const received = clients.every(({ got, sent, end, over, gone }) => gone || got === sent && end === over);
    return threads.length > 0 && sleeps && found && received;
  }

  /** What the server has printed since, in the order of its times, and among it what clients have received. */
  #fresh(): Line[] {
    const lines = fold(
      this.server.stdout.slice(this.#read).flatMap(readLine).sort((a, b) => a.time - b.time),
    );
    const reaction = lines.find(({ count }) => count === undefined);
    if (this.#act && reaction) { // it came after what the client did: that is how two clocks are compared
      const { at, index } = this.#act;
      this.#offset = Math.max(this.#offset, at - reaction.time);
      const [line] = readLine(this.lines[index]);
      const time = Math.min(at - this.#offset, reaction.time);
      this.lines[index] = writeLine(Math.max(time, 0), line.who, line.text, line.note);
    }
    let [sent, from] = [0, 0]; // the line that sent it is the cause, then that which ended the connection
    for (const { at, who, bytes } of this.received) {
      const causes = bytes > 0 ? /^send/ : /^(shutdown|close|_exit)/;
      const cause = lines.findIndex(({ call }, i) => i >= sent && causes.test(call));
      if (cause === -1) continue; // it is on its way
      sent = cause + 1;
      from = Math.max(from, sent);
      while (lines[from]?.time < at - this.#offset) from++;
      const time = Math.min(Math.max(lines[from - 1].time, at - this.#offset), lines[from]?.time ?? Infinity);
      const text = bytes > 0 ? `has ${bytes} bytes` : "has the end";
      lines.splice(from++, 0, readLine(writeLine(time, who, text))[0]);
    }
    return lines;
  }
}

/** Whether a count goes on where another has ended. */
export function sameCount(line: Line, last?: Line): boolean {
  const name = ({ who, text }: Line) => who + text.replace(/[\d,]+$/, "");
  return line.count !== undefined && last?.count !== undefined && name(line) === name(last);
}

/** The same few lines, `spins` times or more, become one with a count. */
export function fold(lines: readonly Line[], spins = SPINS): Line[] {
  const folded: Line[] = [];
  const key = ({ who, text, note, place }: Line) =>
    [who, text, note.replace(/^waited [\d.]+ ms,? ?/, ""), place].join();
  const keys = lines.map(key);
  for (let i = 0; i < lines.length;) {
    let [length, count] = [1, 1];
    for (length = 1; length < 4; length++) {
      count = 1;
      while (keys.slice(i, i + length).every((key, k) => key === keys[i + count * length + k])) count++;
      if (count >= spins) break;
    }
    if (count < spins) {
      folded.push(lines[i++]);
      continue;
    }
    const cycle = lines.slice(i, i + length);
    const done = cycle.filter(({ waits }) => !waits);
    const last = lines[Math.min(i + count * length, lines.length) - 1];
    const text = `${done.map(({ text }) => text).join(", ")} × ${count.toLocaleString("en")}`;
    const place = done.map(({ place }, i) => i ? place.replace(/^.*:/, "") : place).join(",");
    folded.push(...cycle, readLine(writeLine(last.time, last.who, text, "", place))[0]);
    i += count * length;
    while (
      i < lines.length &&
      keys.slice(i).every((key) => cycle.some((line) => keys[lines.indexOf(line)] === key))
    ) i++;
  }
  return folded;
}

/** A client that reads whatever comes. */
class Client {
  /** The server has ended the connection. */
  ended = false;
  gone = false;
  readonly #who: string;
  #conn?: Deno.TcpConn;

  constructor(readonly recorder: Recorder, number: number) {
    this.#who = `client ${number}`;
  }

  connects(): Promise<void> {
    return this.recorder.act(this.#who, "connects", async () => {
      this.#conn = await connect(this.recorder.server);
      this.#reads(this.#conn).catch(() => {}); // until it is closed, by us
      return `127.0.0.1:${this.#conn.localAddr.port}`;
    });
  }

  async #reads(conn: Deno.TcpConn) {
    const buffer = new Uint8Array(1024);
    for (;;) {
      const bytes = await conn.read(buffer) ?? 0;
      this.recorder.received.push({ at: performance.now(), who: this.#who, bytes });
      if (bytes === 0) break;
    }
    this.ended = true;
  }

  sends(text: string): Promise<void> {
    return this.recorder.act(
      this.#who,
      `sends ${text.length} byte${text.length > 1 ? "s" : ""}`,
      async () => {
        await sendAll(this.#conn!, text);
        return text.split("\r")[0];
      },
    );
  }

  closes(): Promise<void> {
    this.gone = true;
    return this.recorder.act(this.#who, "closes", () => {
      this.#conn!.close();
      return "";
    });
  }
}

/** Run a story; throws if it can't be told truly. */
export async function record(story: Story, runtime: Runtime): Promise<Recording> {
  const changes = story.experiment ? experiments.get(story.experiment)! : [];
  const script = changes.length > 0
    ? await changed(story.lesson, ...changes)
    : `${ROOT}lessons/${story.lesson}.ts`;
  await using server = await start(story.lesson, runtime, { args: ["--trace"], script });
  const recorder = new Recorder(server, story.lesson);
  await recorder.rest();
  const clients = Array.from({ length: story.silent + 1 }, (_, i) => new Client(recorder, i + 1));
  for (const client of clients) await client.connects();
  const [last] = clients.splice(-1);
  if (story.last !== "leaves early") await last.sends(REQUEST);
  if (story.last === "sends more") await last.sends("x");
  for (const client of [undefined, ...clients]) {
    await client?.closes();
    if (last.ended && !last.gone) await last.closes(); // an ordinary client, when its answer has ended
    if (story.last === "leaves early") break;
  }
  if (!last.gone) await last.closes();
  // 01 looks after its children when nobody has come for a second.
  await recorder.rest(({ processes }) => processes.every(({ zombie }) => !zombie));
  const { rests } = recorder;
  const lines = recorder.lines.flatMap((text) => readLine(text).map(({ time }) => ({ time, text })))
    .sort((a, b) => a.time - b.time).map(({ text }) => text); // a timer may have gone off just before a client came
  const recording = {
    ...story,
    runtime,
    file: script.replace(/^.*\//, ""),
    source: await Deno.readTextFile(script),
    lines,
    rests,
  };
  check(recording);
  return recording;
}

/** Throws where the state that the lines tell is another than what /proc said. */
export function check({ lines, rests }: Recording): void {
  const all = states(lines.flatMap(readLine));
  const wrong = [
    ...all.flatMap(({ doubt }) => doubt ?? []),
    ...rests.flatMap(({ after, seen }) => differences(all[after], seen)),
  ];
  if (wrong.length > 0) throw new Error([...wrong, ...lines].join("\n"));
}
