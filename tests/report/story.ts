/** A story, read from its text: the lines of `--trace` and, between them, what the clients did. */
import { type Line, readLine } from "../support/trace_lines.ts";

/** Asleep, from one step to the same or a later one. The steps count from 0, the server's start. */
export interface Sleep {
  /** The system call that it sleeps in. */
  readonly call: string;
  readonly from: number;
  /** The step in which it wakes; the number of steps if it does not. */
  to: number;
}

/** A thread or a process of the server. */
export interface Lane {
  readonly name: string;
  /** The step in which it begins, and that in which it ends, if it does. */
  readonly born: number;
  ended?: number;
  /** The lane that made it. */
  readonly maker?: string;
  /** What it does in each step, while it is awake. */
  readonly steps: Line[][];
  readonly sleeps: Sleep[];
  /** How many calls found nothing in each step. */
  readonly spins: number[];
}

/** A client: in which step it connects, is accepted, asks, has its answer and leaves. */
export interface Client {
  readonly name: string;
  readonly connects: number;
  asks?: Line;
  accepted?: number;
  answered?: { step: number; by: string; line: Line };
  leaves?: number;
}

/** One lesson's story. A step begins with what a client does, and holds all that follows from it. */
export interface Story {
  readonly lesson: string;
  readonly runtime: string;
  /** What begins each step, and when. The first is the server's start. */
  readonly steps: { readonly time: number; readonly who: string; readonly what: string; wakes?: string }[];
  readonly clients: Client[];
  readonly lanes: Lane[];
}

/** The stories in what `deno task story` has printed: each begins with the lesson and the runtime. */
export function readStories(text: string): Story[] {
  return text.split(/\n\n+/).filter((part) => part.trim() !== "").map((part) => {
    const [head, ...lines] = part.trim().split("\n");
    const [lesson, runtime] = head.split(", ");
    return tell(lesson, runtime, lines.flatMap(readLine));
  });
}

function tell(lesson: string, runtime: string, lines: readonly Line[]): Story {
  const steps: Story["steps"] = [{ time: lines[0].time, who: "server", what: "starts" }];
  const clients: Client[] = [];
  const lanes: Lane[] = [];
  const queue: Client[] = []; // who has connected and is not accepted yet: first come, first served
  const now = () => steps.length - 1;

  const client = (line: Line) => {
    if (line.call === "has") return;
    let it = clients.find(({ name }) => name === line.who);
    steps.push({ time: line.time, who: line.who, what: line.text });
    if (!it) {
      it = { name: line.who, connects: now() };
      clients.push(it);
      queue.push(it);
    }
    if (line.text.endsWith("asks")) it.asks = line;
    if (line.call === "leaves") it.leaves = now();
  };

  const laneOf = (name: string): Lane => {
    let lane = lanes.find((lane) => lane.name === name);
    if (!lane) {
      lane = {
        name,
        born: now(),
        steps: [],
        sleeps: [],
        spins: [],
        ...(name !== "main" && { maker: "main" }),
      };
      lanes.push(lane);
    }
    return lane;
  };

  for (const line of lines) {
    if (line.who.startsWith("client")) {
      client(line);
      continue;
    }
    if (line.who === "nobody") {
      steps.push({ time: line.time, who: line.who, what: line.text });
      continue;
    }
    const lane = laneOf(line.who);
    const asleep = lane.sleeps.at(-1)?.to === Infinity ? lane.sleeps.at(-1) : undefined;
    if (line.count !== undefined && !asleep) {
      lane.spins[now()] = (lane.spins[now()] ?? 0) + line.count;
      continue;
    }
    // Whoever wakes and finds nothing was not woken by a client.
    if (now() > 0 && line.count === undefined) steps[now()].wakes ??= lane.name;
    if (asleep) asleep.to = now();
    if (line.waits) {
      lane.sleeps.push({ call: line.call, from: now(), to: Infinity });
      continue;
    }
    (lane.steps[now()] ??= []).push(line);
    if (line.call === "accept") {
      const first = queue.shift();
      if (first) first.accepted = now();
    }
    const asked = clients.find(({ asks, answered }) => asks && !answered);
    if (line.call === "send" && asked) asked.answered = { step: now(), by: lane.name, line };
  }
  for (const lane of lanes) {
    const asleep = lane.sleeps.at(-1);
    if (asleep?.to === Infinity) asleep.to = steps.length;
    else if (/^(_exit|close)$/.test(lane.steps.at(-1)?.at(-1)?.call ?? "") && lane.spins.length === 0) {
      lane.ended = lane.steps.length - 1;
    }
  }
  return { lesson, runtime, steps, clients, lanes };
}
