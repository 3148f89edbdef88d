/** How every figure of `compare` is found. Each program is started anew, and what cannot be is refused. */
import type { Language, Model, Program } from "../peers/programs.ts";
import type { LoadOrder, LoadResult } from "../programs/load.ts";
import { get, hold } from "../support/clients.ts";
import { cpuSeconds, descriptors, settled, SYSCALL, tasks, threadSeconds } from "../support/proc.ts";
import type { Runtime } from "../support/runtimes.ts";
import { descriptorsAtMost, run, type Server, startServer } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import { checkPossible, MeasuringFault, type Run, short, type Subject } from "./figures.ts";
import { switchesOfChildren, switchesSoFar } from "./switches.ts";

/** What is to be measured, how thoroughly, and where what was found goes. */
export interface Plan extends Pick<Run, "figures" | "notes" | "faults"> {
  readonly programs: readonly Program[];
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
  { figures }: Plan,
  of: Subject,
  { language }: { language: Language },
  value: number,
  round = 1,
): void {
  figures.push({ of, language, round, value });
}

/** Put load on a server: the requests, those in a second, and the CPU time of each, µs. */
async function loaded(
  plan: Plan,
  program: Program,
  { pid, port }: Server,
  clients: number,
  seconds = plan.seconds,
) {
  const { name, model, exact } = program;
  // A process or a thread ends after its client has been answered.
  const rest = model === "01-fork" || model === "02-thread";
  const order = { pid, port, clients, seconds, count: Number.MAX_SAFE_INTEGER, exact, rest };
  const found = await plan.load.run(order);
  const { requests, failed } = found;
  if (failed > 0) plan.notes.push(`${name}, ${clients} clients: ${failed} of ${requests + failed} failed`);
  if (requests === 0) throw new Error("no request was answered");
  checkPossible(model, PROCESSORS, found);
  return { requests, rate: requests / found.seconds, cpu: found.cpu / requests * 1e6 };
}

/** The programs in these models, without C: the article's claims are judged by the others. */
const judged = ({ programs }: Plan, ...models: readonly Model[]) =>
  programs.filter(({ model, language }) => models.includes(model) && language !== "C");

/** Ten clients at each program. The rounds alternate, so that what the machine does meanwhile meets all of them. */
export async function tenClients(plan: Plan): Promise<void> {
  for (let round = 1; round <= plan.rounds; round++) {
    plan.progress(
      `ten clients at each of ${plan.programs.length} programs, round ${round} of ${plan.rounds}`,
    );
    for (const program of plan.programs) {
      await measure(plan, program, async (server) => {
        await loaded(plan, program, server, 10); // the compilers come first
        const { cpu, rate } = await loaded(plan, program, server, 10);
        keep(plan, `${short(program.model)} at 10`, program, cpu, round);
        keep(plan, `${short(program.model)} rate at 10`, program, rate, round);
        if (program.model !== "02-thread" || !program.runtime) return;
        keep(plan, "02 at 1", program, (await loaded(plan, program, server, 1)).cpu, round);
        keep(plan, "empty at 1", program, await emptyWorker(program.runtime), round);
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

/** What a server does while nothing happens; then one client, beside more and more silent ones. */
export async function besideSilent(plan: Plan): Promise<void> {
  for (const program of judged(plan, "04-busy-poll", "05-select", "06-epoll")) {
    plan.progress(`one client beside silent ones: ${program.name}`);
    await measure(plan, program, async (server) => {
      await loaded(plan, program, server, 10);
      const clocks = () => [performance.now() / 1000, cpuSeconds(server.pid), threadSeconds(server.pid)];
      const before = clocks();
      await pause(plan.seconds * 1000);
      const [seconds, cpu, main] = clocks().map((now, i) => now - before[i]);
      checkPossible(program.model, PROCESSORS, { seconds, cpu, main });
      keep(plan, `${short(program.model)} idle`, program, cpu / seconds * 100);

      for (const silent of [0, 10, 100, 990]) {
        await using _silent = await hold(server, silent);
        await get(server); // all that came before it have been accepted then
        for (let round = 1; round <= plan.rounds; round++) {
          const { cpu } = await loaded(plan, program, server, 1, plan.seconds / 2);
          keep(plan, `${short(program.model)} beside ${silent}`, program, cpu, round);
        }
      }
    });
  }
}

/** A hundred clients at threads: a pool, and one for each. */
export async function overload(plan: Plan): Promise<void> {
  plan.progress("a hundred clients at 02 and 03");
  for (const program of judged(plan, "02-thread", "03-thread-pool")) {
    await measure(plan, program, async (server) => {
      const before = switchesSoFar(server.pid) + switchesOfChildren();
      const { requests, rate } = await loaded(plan, program, server, 100);
      keep(plan, `${short(program.model)} rate at 100`, program, rate);
      await server[Symbol.asyncDispose](); // and it is reaped
      keep(plan, `${short(program.model)} switches`, program, (switchesOfChildren() - before) / requests);
    });
  }
}

/** The threads of a server that sleep in recv(2): each has a client. */
const receiving = ({ pid }: Server) => tasks(pid).filter(({ call }) => SYSCALL.recv.includes(call)).length;

/** A client beside as many silent ones as the pool has threads. */
export async function fullPool(plan: Plan): Promise<void> {
  plan.progress("a pool whose threads all wait");
  for (const program of judged(plan, "03-thread-pool")) {
    await measure(plan, program, async (server) => {
      await using _silent = await hold(server, 4);
      await waitFor("four threads in recv", () => receiving(server) === 4);
      const answered = get(server).then(() => 1, () => 0);
      keep(plan, "03 answers", program, await Promise.race([answered, pause(1000).then(() => 0)]));
    });
  }
}

/** What a server has when it says that it can take no more. */
export async function limits(plan: Plan): Promise<void> {
  plan.progress("threads and descriptors until there are no more");
  const refusal = async (server: Server, line: RegExp) => {
    await waitFor(`${line}`, () => server.stderr.some((printed) => line.test(printed)));
    await settled(server);
  };
  for (const program of judged(plan, "02-thread")) {
    // A thread of JavaScript has descriptors of its own, one of CPython a stack: 8 MiB of addresses mostly.
    await measure(plan, program, async (server) => {
      await using _silent = await hold(server, 200);
      await refusal(server, /can't start new thread/);
      keep(plan, "02 limit", program, receiving(server));
    }, program.runtime ? descriptorsAtMost(256) : ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh"]);
  }
  for (const program of judged(plan, "05-select")) {
    await measure(plan, program, async (server) => {
      await using _silent = await hold(server, 1100);
      await refusal(server, /fd_set/);
      keep(plan, "05 limit", program, descriptors(server.pid));
    });
  }
}
