/** The article's argument in measures. Each starts its servers anew, and yields figures as it finds them. */
import { PEERS } from "../peers/peers.ts";
import type { Birth } from "../programs/birth.ts";
import { type By, type Figure, median } from "../report/figures.ts";
import { get, hold } from "../support/clients.ts";
import { children, cpuSeconds, DESCRIPTOR_LIMIT, descriptors, pssKiB, tasks, tree } from "../support/proc.ts";
import type { Lesson } from "../support/runtimes.ts";
import { descriptorsAtMost, run, type Server, start, startServer } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import { loaded, warmUp } from "./loaded.ts";
import { switchesOfLife } from "./switches.ts";

/** What is to be measured, and how thoroughly. */
export interface Plan {
  readonly lessons: readonly Lesson[];
  readonly by: readonly By[];
  readonly rounds: number;
  /** How long each load lasts, s. */
  readonly seconds: number;
  /** Called with what is being measured. */
  readonly progress: (text: string) => void;
  /** Called with what could not be measured, and why. */
  readonly missing: (text: string) => void;
}
/** A measure. */
export type Measure = (plan: Plan) => AsyncGenerator<Figure>;

const ONE_THREAD: readonly Lesson[] = ["04-busy-poll", "05-select", "06-epoll"];

/** Start a lesson under a runtime, or its model in CPython. */
function startModel(lesson: Lesson, by: By, before: readonly string[] = []): Promise<Server> {
  if (by !== "python") return start(lesson, by, { before });
  const peer = PEERS.find(({ model, language }) => model === lesson && language === "CPython")!;
  return startServer(peer.name, [...before, ...peer.command("", 0)]);
}

/** Each of the chosen lessons under each runtime; what fails with one is told, and the others go on. */
async function* each(
  plan: Plan,
  what: string,
  lessons: readonly Lesson[],
  measure: (lesson: Lesson, by: By) => AsyncGenerator<Figure>,
): AsyncGenerator<Figure> {
  for (const lesson of plan.lessons.filter((lesson) => lessons.includes(lesson))) {
    for (const by of plan.by) {
      plan.progress(`${what}: ${lesson} on ${by}`);
      try {
        yield* measure(lesson, by);
      } catch (error) {
        plan.missing(`${what}, ${lesson} on ${by}: ${(error as Error).message}`);
      }
    }
  }
}

async function* serving(plan: Plan): AsyncGenerator<Figure> {
  for (let round = 1; round <= plan.rounds; round++) {
    yield* each(
      plan,
      `serving, round ${round} of ${plan.rounds}`,
      plan.lessons,
      async function* (lesson, by) {
        await using server = await startModel(lesson, by);
        await warmUp(server, 10);
        for (const clients of [1, 10, 100, 1000]) {
          // A thousand forks take most of a minute; a thousand threads gigabytes, too, and a hundred take seconds.
          if (clients > 100 && (lesson === "01-fork" || lesson === "02-thread")) continue;
          if (clients > 10 && lesson === "02-thread" && by !== "python" && round > 1) continue;
          const { rate, cpu, p50, p99, max, failed } = await loaded(server, clients, plan.seconds);
          yield { measure: "serving", lesson, by, clients, silent: 0, rate, cpu, p50, p99, max, failed };
        }
      },
    );
  }
}

/** The most silent clients that a lesson is asked to hold here. */
const most = (lesson: Lesson) => lesson === "01-fork" ? 200 : lesson === "02-thread" ? 20 : 990;

async function* doingNothing(plan: Plan): AsyncGenerator<Figure> {
  yield* each(plan, "doing nothing", plan.lessons, async function* (lesson, by) {
    await using server = await startModel(lesson, by);
    await get(server);
    for (const silent of [0, most(lesson)]) {
      const memory = family(server);
      await using _silent = await hold(server, silent);
      if (lesson === "01-fork") await waitFor("the children", () => children(server.pid).length >= silent);
      await atRest(server);
      const [cpuBefore, before] = [cpuSeconds(server.pid), performance.now()];
      await pause(plan.seconds * 1000);
      const share = (cpuSeconds(server.pid) - cpuBefore) / (performance.now() - before) * 1000;
      yield { measure: "idle", lesson, by, clients: 0, silent, share };
      if (silent === 0) continue;
      yield { measure: "memory", lesson, by, clients: 0, silent, memory: (family(server) - memory) / silent };
    }
  });
}

/** Memory of a server and its children, KiB: each page is counted once, however many share it. */
function family({ pid }: Server): number {
  return tree(pid).reduce((sum, pid) => sum + pssKiB(pid), 0);
}

/** Wait until what its clients set off in a server is over. */
async function atRest(server: Server): Promise<void> {
  let last = -1;
  await waitFor("a server at rest", async () => {
    const before = last;
    last = family(server);
    await pause(100);
    return Math.abs(last - before) < 64;
  });
}

async function* growth(plan: Plan): AsyncGenerator<Figure> {
  yield* each(plan, "growth", ONE_THREAD, async function* (lesson, by) {
    await using server = await startModel(lesson, by);
    await warmUp(server, 10);
    const steps = [0, 10, 100, 990];
    for (const silent of steps) {
      const before = performance.now();
      await using _silent = await hold(server, silent);
      await get(server); // all that came before it have been accepted then
      if (silent === 990 && lesson !== "05-select" && plan.rounds > 1 && DESCRIPTOR_LIMIT >= 10_200) {
        // Busy polling takes one connection a turn, and a turn asks them all: ten times as many take it a
        // hundred times as long. Where 990 take half a second, 10,000 would take most of a minute.
        steps.push(performance.now() - before < 500 || lesson === "06-epoll" ? 10_000 : 3000);
      }
      // With one client, each wake is for one socket. With ten, a wake may be for several.
      for (const clients of silent === 0 || silent === 990 ? [1, 10] : [1]) {
        for (let round = 1; round <= plan.rounds; round++) {
          const { cpu, failed } = await loaded(server, clients, plan.seconds);
          yield { measure: "growth", lesson, by, clients, silent, cpu, failed };
        }
      }
    }
  });
}

/** One process or thread after another, each of which ends at once. */
async function* birth(plan: Plan): AsyncGenerator<Figure> {
  for (let round = 1; round <= plan.rounds; round++) {
    yield* each(
      plan,
      `birth, round ${round} of ${plan.rounds}`,
      ["01-fork", "02-thread"],
      async function* (lesson, by) {
        const kind = lesson === "01-fork" ? "fork" : "thread";
        const count = by === "python" ? 500 : kind === "fork" ? 100 : 20;
        const script = `tests/programs/birth.${by === "python" ? "py" : "ts"}`;
        const args = [kind, `${count}`];
        const { stdout, stderr } = await run(lesson, by === "python" ? "deno" : by, {
          script,
          args,
          ...(by === "python" && { command: ["python3"] }),
        });
        if (stdout === "") throw new Error(stderr);
        yield { measure: "birth", lesson, by, clients: 0, silent: 0, ...JSON.parse(stdout) as Birth };
      },
    );
  }
}

async function* pool(plan: Plan): AsyncGenerator<Figure> {
  yield* each(plan, "the pool", ["03-thread-pool"], async function* (lesson, by) {
    await using server = await startModel(lesson, by);
    await warmUp(server, 4);
    for (const silent of [0, 3, 4, 8]) {
      await using _silent = await hold(server, silent);
      await pause(100); // they take their threads
      const latencies: number[] = [];
      for (let i = 0; i < 10; i++) {
        const before = performance.now();
        const answer = get(server).catch(() => "");
        const late = Promise.withResolvers<null>();
        const timer = setTimeout(() => late.resolve(null), 1000);
        if (await Promise.race([answer, late.promise]) === null) break;
        clearTimeout(timer);
        latencies.push((performance.now() - before) * 1000);
      }
      const latency = latencies.length > 0 ? median(latencies) : null;
      yield { measure: "pool", lesson, by, clients: 1, silent, latency };
    }
  });
}

/** What a server has when it can take no more. */
async function* limits(plan: Plan): AsyncGenerator<Figure> {
  const refusal = (server: Server, line: RegExp) =>
    waitFor(`${line}`, () => server.stderr.some((printed) => line.test(printed)));
  yield* each(plan, "limits", ["02-thread"], async function* (lesson, by) {
    // A thread of JavaScript has descriptors of its own, one of CPython a stack: 8 MiB of addresses mostly.
    const before = by === "python" ? ADDRESSES : descriptorsAtMost(256);
    await using server = await startModel(lesson, by, before);
    await using _silent = await hold(server, 200);
    await refusal(server, /can't start new thread/);
    const count = tasks(server.pid).length;
    yield { measure: "limit", lesson, by, clients: 0, silent: 200, count };
  });
  yield* each(plan, "limits", ["05-select"], async function* (lesson, by) {
    await using server = await startModel(lesson, by, descriptorsAtMost(1300));
    await using _silent = await hold(server, 1100);
    await refusal(server, /fd_set/);
    await get(server).catch(() => {}); // refused too; all that came before it are in or out by then
    yield { measure: "limit", lesson, by, clients: 0, silent: 1100, count: descriptors(server.pid) };
  });
}
const ADDRESSES = ["sh", "-c", 'ulimit -v "$0" && exec "$@"', "1000000"]; // KiB

/** Switches of the processor for a request, at 100 clients: the difference of a long life and a short one. */
async function* switches(plan: Plan): AsyncGenerator<Figure> {
  yield* each(plan, "switches", plan.lessons, async function* (lesson, by) {
    const clients = 100;
    const requests = lesson === "02-thread" && by !== "python" ? 100 : lesson === "01-fork" ? 300 : 3000;
    const life = async (count: number) => {
      const server = await startModel(lesson, by);
      const { failed } = await loaded(server, clients, 600, { count });
      return { failed, ...await switchesOfLife(() => server[Symbol.asyncDispose]()) };
    };
    const [short, long] = [await life(clients), await life(clients + requests)];
    yield {
      measure: "switches",
      lesson,
      by,
      clients,
      silent: 0,
      failed: short.failed + long.failed,
      voluntary: (long.voluntary - short.voluntary) / requests,
      involuntary: (long.involuntary - short.involuntary) / requests,
    };
  });
}

/** All of them, in the order in which they are reported. */
export const MEASURES: readonly Measure[] = [serving, switches, doingNothing, birth, growth, pool, limits];
