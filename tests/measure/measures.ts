/** How every figure of `compare` is found. Each program is started anew, and what cannot be is refused. */
import { type Language, type Model, NAMES, type Program } from "../peers/programs.ts";
import type { LoadOrder, LoadResult } from "../programs/load.ts";
import { get, hold } from "../support/clients.ts";
import { cpuSeconds, descriptors, settled, SYSCALL, tasks, threadSeconds } from "../support/proc.ts";
import { ALL_RUNTIMES, type Runtime } from "../support/runtimes.ts";
import { descriptorsAtMost, run, type Server, startServer } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import {
  checkPossible,
  type Figure,
  MeasuringFault,
  type Quantity,
  type Run,
  type Usage,
} from "./figures.ts";
import { switchesOfChildren, switchesSoFar } from "./switches.ts";

/** What is to be measured, how thoroughly, and where what was found goes. */
export interface Plan extends Pick<Run, "figures" | "notes" | "faults"> {
  readonly programs: readonly Program[];
  /** Of what differs most from time to time. */
  readonly rounds: number;
  /** How long each load lasts, s. */
  readonly seconds: number;
  /** A folder for what the programs need. */
  readonly dir: string;
  readonly load: { run(order: LoadOrder): Promise<LoadResult> };
  /** Called with what is being measured. */
  readonly progress: (what: string) => void;
}

const PROCESSORS = navigator.hardwareConcurrency;

/** Start a program and measure it. What fails with one is noted, and the others go on. */
async function measure(
  plan: Plan,
  program: Program,
  what: (server: Server) => Promise<void>,
  before: readonly string[] = [],
): Promise<void> {
  try {
    await using server = await startServer(program.name, [...before, ...program.command(plan.dir)]);
    await what(server);
  } catch (error) {
    const list = error instanceof MeasuringFault ? plan.faults : plan.notes;
    list.push(`${program.name}: ${(error as Error).message}`);
  }
}

/** Keep a figure. */
function keep(
  plan: Plan,
  quantity: Quantity,
  { model, language }: { model: Figure["model"]; language: Language },
  value: number,
  round = 1,
): void {
  plan.figures.push({ quantity, model, language, round, value });
}

/** Put load on a server: what was found, with the CPU time of a request, µs, and the requests a second. */
async function loaded(plan: Plan, program: Program, { pid, port }: Server, clients: number, seconds: number) {
  // A process or a thread ends after its client has been answered.
  const rest = program.model === "01-fork" || program.model === "02-thread";
  const order = { pid, port, clients, seconds, count: Number.MAX_SAFE_INTEGER, exact: program.exact, rest };
  const found = await plan.load.run(order);
  const { requests, failed } = found;
  if (requests === 0) throw new Error(`no request was answered, ${failed} failed`);
  if (failed > 0) {
    plan.notes.push(`${program.name}, ${clients} clients: ${failed} of ${requests + failed} failed`);
  }
  checkPossible(program.model, PROCESSORS, found);
  return { ...found, µs: found.cpu / requests * 1e6, rate: requests / found.seconds };
}

/** Let the compilers come first. */
const warmUp = (plan: Plan, program: Program, server: Server) =>
  loaded(plan, program, server, 10, plan.seconds);

/** The programs in these models, C left out: what the article says is judged by the others. */
const judged = (plan: Plan, ...models: readonly Model[]) =>
  plan.programs.filter(({ model, language }) => models.includes(model) && language !== "C");

/** Ten clients at each program. The rounds alternate, so that what the machine does meanwhile meets all of them. */
export async function tenClients(plan: Plan): Promise<void> {
  for (let round = 1; round <= plan.rounds; round++) {
    plan.progress(
      `ten clients at each of ${plan.programs.length} programs, round ${round} of ${plan.rounds}`,
    );
    for (const program of plan.programs) {
      await measure(plan, program, async (server) => {
        await warmUp(plan, program, server);
        const { µs, rate } = await loaded(plan, program, server, 10, plan.seconds);
        keep(plan, "cpu at 10", program, µs, round);
        keep(plan, "rate at 10", program, rate, round);
        const runtime = ALL_RUNTIMES.find((runtime) => NAMES[runtime] === program.language);
        if (program.model !== "02-thread" || !runtime) return;
        keep(plan, "cpu at 1", program, (await loaded(plan, program, server, 1, plan.seconds)).µs, round);
        keep(plan, "cpu at 1", { ...program, model: "empty Worker" }, await emptyWorker(runtime), round);
      });
    }
  }
}

/** The CPU time of a Worker that ends at once, µs. */
async function emptyWorker(runtime: Runtime): Promise<number> {
  const script = "tests/programs/empty-worker.ts";
  const { stdout, stderr } = await run("02-thread", runtime, { script, args: ["20"] });
  if (stdout === "") throw new Error(stderr);
  return Number(stdout);
}

/** One client beside more and more silent ones; before that, nobody. */
export async function besideSilent(plan: Plan): Promise<void> {
  for (const program of judged(plan, "04-busy-poll", "05-select", "06-epoll")) {
    plan.progress(`one client beside silent ones: ${program.name}`);
    await measure(plan, program, async (server) => {
      await warmUp(plan, program, server);
      const { seconds, cpu } = await idle(program.model, server, plan.seconds);
      keep(plan, "idle", program, cpu / seconds * 100);
      for (const silent of [0, 10, 100, 990]) {
        await using _silent = await hold(server, silent);
        await get(server); // all that came before it have been accepted then
        for (let round = 1; round <= plan.rounds; round++) {
          const { µs } = await loaded(plan, program, server, 1, plan.seconds / 2);
          keep(plan, `cpu beside ${silent}`, program, µs, round);
        }
      }
    });
  }
}

/** What a server uses while nothing happens. */
async function idle(model: Model, { pid }: Server, seconds: number): Promise<Usage> {
  const clocks = () => ({
    seconds: performance.now() / 1000,
    cpu: cpuSeconds(pid),
    main: threadSeconds(pid),
  });
  const before = clocks();
  await pause(seconds * 1000);
  const after = clocks();
  const usage = {
    seconds: after.seconds - before.seconds,
    cpu: after.cpu - before.cpu,
    main: after.main - before.main,
  };
  checkPossible(model, PROCESSORS, usage);
  return usage;
}

/** A hundred clients at threads: a pool, and one for each. */
export async function overload(plan: Plan): Promise<void> {
  plan.progress("a hundred clients at 02 and 03");
  for (const program of judged(plan, "02-thread", "03-thread-pool")) {
    await measure(plan, program, async (server) => {
      const [start, others] = [switchesSoFar(server.pid), switchesOfChildren()];
      const { requests, rate } = await loaded(plan, program, server, 100, plan.seconds);
      keep(plan, "rate at 100", program, rate);
      await server[Symbol.asyncDispose](); // and it is reaped
      keep(plan, "switches at 100", program, (switchesOfChildren() - others - start) / requests);
    });
  }
}

/** The threads of a server that sleep in recv(2): each has a client. */
const receiving = ({ pid }: Server) => tasks(pid).filter(({ call }) => SYSCALL.recv.includes(call)).length;

/** A client beside as many silent ones as the pool has threads; beside one fewer it must be answered. */
export async function fullPool(plan: Plan): Promise<void> {
  plan.progress("a pool whose threads all wait");
  for (const program of judged(plan, "03-thread-pool")) {
    await measure(plan, program, async (server) => {
      for (const silent of [3, 4] as const) {
        await using _silent = await hold(server, silent);
        await waitFor(`${silent} threads in recv`, () => receiving(server) === silent);
        const answered = get(server).then(() => 1, () => 0);
        keep(
          plan,
          `answers beside ${silent}`,
          program,
          await Promise.race([answered, pause(1000).then(() => 0)]),
        );
      }
    });
  }
}

/** What a server has when it says that it can take no more. */
export async function limits(plan: Plan): Promise<void> {
  plan.progress("threads and descriptors until there are no more");
  const refusal = (server: Server, line: RegExp) =>
    waitFor(`${line}`, () => server.stderr.some((printed) => line.test(printed)));
  for (const program of judged(plan, "02-thread")) {
    // A thread of JavaScript has descriptors of its own, one of CPython a stack: 8 MiB of addresses mostly.
    const before = program.language === "CPython" ? ADDRESSES : descriptorsAtMost(256);
    await measure(plan, program, async (server) => {
      await using _silent = await hold(server, 200);
      await refusal(server, /can't start new thread/);
      await settled(server);
      keep(plan, "limit", program, receiving(server));
    }, before);
  }
  for (const program of judged(plan, "05-select")) {
    await measure(plan, program, async (server) => {
      await using _silent = await hold(server, 1100);
      await refusal(server, /fd_set/);
      await settled(server);
      keep(plan, "limit", program, descriptors(server.pid));
    });
  }
}
const ADDRESSES = ["sh", "-c", 'ulimit -v "$0" && exec "$@"', "1000000"]; // KiB
