/** How every figure of `compare` is found. Each program is started anew, and what cannot be is refused. */
import type { Model, Program } from "../peers/programs.ts";
import type { LoadOrder, LoadResult } from "../programs/load.ts";
import { get, hold } from "../support/clients.ts";
import { libc } from "../support/syscalls.ts";
import { cpuSeconds, descriptors, settled, switches, tasks, threadSeconds } from "../support/proc.ts";
import { descriptorsAtMost, run, type Server, startServer } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";
import { checkPossible, MeasuringFault, type Quantity, type Run, short } from "./figures.ts";

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

/** Put load on the server: the requests, those in a second, and the CPU time of each, µs. */
type Load = (clients: number, seconds?: number) => Promise<{ requests: number; rate: number; cpu: number }>;
/** Keep a figure of it. */
type Keep = (quantity: Quantity, value: number, round?: number) => void;

/** Start a program and measure it. What fails with one is noted, and the others go on. */
async function measure(
  plan: Plan,
  { name, model, language, exact, command }: Program,
  what: (server: Server, load: Load, keep: Keep) => Promise<void>,
  before: readonly string[] = [],
): Promise<void> {
  try {
    await using server = await startServer(name, [...before, ...command(plan.dir)]);
    const { pid, port } = server;
    // A process or a thread ends after its client has been answered.
    const rest = model === "01-fork" || model === "02-thread";
    await what(server, async (clients, seconds = plan.seconds) => {
      const order = { pid, port, clients, seconds, count: Number.MAX_SAFE_INTEGER, exact, rest };
      const { requests, failed, ...usage } = await plan.load.run(order);
      if (failed > 0) {
        plan.notes.push(`${name}, ${clients} clients: ${failed} of ${requests + failed} failed`);
      }
      if (requests === 0) throw new Error("no request was answered");
      checkPossible(model, PROCESSORS, usage);
      return { requests, rate: requests / usage.seconds, cpu: usage.cpu / requests * 1e6 };
    }, (quantity, value, round = 1) => {
      plan.figures.push({ of: `${short(model)} ${quantity}`, language, round, value });
    });
  } catch (error) {
    const list = error instanceof MeasuringFault ? plan.faults : plan.notes;
    list.push(`${name}: ${(error as Error).message}`);
  }
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
      await measure(plan, program, async (_server, load, keep) => {
        await load(10); // the compilers come first
        keep("at 10", (await load(10)).cpu, round);
        const { model, language, runtime } = program;
        if (model !== "02-thread" || !runtime) return;
        keep("at 1", (await load(1)).cpu, round);
        const emptyWorker = { script: "tests/programs/empty_worker.ts", args: ["20"] };
        const { stdout, stderr } = await run(model, runtime, emptyWorker);
        if (stdout === "") throw new Error(stderr);
        plan.figures.push({ of: "empty at 1", language, round, value: Number(stdout) });
      });
    }
  }
}

/** What a server does while nothing happens; then one client, beside more and more silent ones. */
export async function besideSilent(plan: Plan): Promise<void> {
  for (const program of judged(plan, "04-busy-poll", "05-select", "06-epoll")) {
    plan.progress(`one client beside silent ones: ${program.name}`);
    await measure(plan, program, async (server, load, keep) => {
      await load(10);
      const clocks = () => [performance.now() / 1000, cpuSeconds(server.pid), threadSeconds(server.pid)];
      const before = clocks();
      await pause(plan.seconds * 1000);
      const [seconds, cpu, main] = clocks().map((now, i) => now - before[i]);
      checkPossible(program.model, PROCESSORS, { seconds, cpu, main });
      keep("idle", cpu / seconds * 100);

      for (const silent of [0, 10, 100, 990]) {
        await using _silent = await hold(server, silent);
        await get(server); // all that came before it have been accepted then
        for (let round = 1; round <= plan.rounds; round++) {
          keep(`beside ${silent}`, (await load(1, plan.seconds / 2)).cpu, round);
        }
      }
    });
  }
}

/** A hundred clients at threads: a pool, and one for each. */
export async function overload(plan: Plan): Promise<void> {
  plan.progress("a hundred clients at 02 and 03");
  for (const program of judged(plan, "02-thread", "03-thread-pool")) {
    await measure(plan, program, async (server, load, keep) => {
      const before = switches(server.pid) + switchesOfChildren();
      const { requests, rate } = await load(100);
      keep("rate", rate);
      await server[Symbol.asyncDispose](); // and it is reaped
      keep("switches", (switchesOfChildren() - before) / requests);
    });
  }
}

/** Switches of all reaped children of this process, with those of their threads that had ended before: getrusage(2). */
function switchesOfChildren(): number {
  const usage = new BigInt64Array(18); // struct rusage: its last two are ru_nvcsw and ru_nivcsw
  libc.getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer));
  return Number(usage[16] + usage[17]);
}
const RUSAGE_CHILDREN = -1;

/** The threads of a server that sleep in recv(2): each has a client. */
const receiving = ({ pid }: Server) => tasks(pid).filter(({ call }) => call === "recv").length;

/** A client beside as many silent ones as the pool has threads. */
export async function fullPool(plan: Plan): Promise<void> {
  plan.progress("a pool whose threads all wait");
  for (const program of judged(plan, "03-thread-pool")) {
    await measure(plan, program, async (server, _load, keep) => {
      await using _silent = await hold(server, 4);
      await waitFor("four threads in recv", () => receiving(server) === 4);
      const answered = get(server).then(() => 1, () => 0);
      keep("answers", await Promise.race([answered, pause(1000).then(() => 0)]));
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
    const before = program.runtime
      ? descriptorsAtMost(256)
      : ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh"];
    await measure(plan, program, async (server, _load, keep) => {
      await using _silent = await hold(server, 200);
      await refusal(server, /can't start new thread/);
      keep("limit", receiving(server));
    }, before);
  }
  for (const program of judged(plan, "05-select")) {
    await measure(plan, program, async (server, _load, keep) => {
      await using _silent = await hold(server, 1100);
      await refusal(server, /fd_set/);
      keep("limit", descriptors(server.pid));
    });
  }
}
