/** How every figure of `compare` is found. Each program is started anew, and a figure that cannot be ends the run. */
import { type Model, type Program, PROGRAMS, RUNTIME } from "../peers/programs.ts";
import { get, silent } from "../support/clients.ts";
import { heavyLoad, type LoadResult } from "../support/load.ts";
import { openFiles, settled, switches, tasks } from "../support/proc.ts";
import { commandLine, descriptorsAtMost, type Server, startServer } from "../support/servers.ts";
import { libc } from "../support/syscalls.ts";
import { pause, until } from "../support/wait.ts";
import { checkPossible, type Figures, MeasuringFault, type Quantity, subject } from "./figures.ts";

/** A program that runs, how to put load on it, and how to keep a figure of it. */
interface Test {
  readonly program: Program;
  readonly server: Server;
  load(clients: number, seconds?: number): Promise<LoadResult>;
  keep(what: Quantity, value: number, round?: number): void;
}
type Measure = (test: Test) => Promise<void>;

/** CPU time of a request, µs. */
const cost = ({ cpu, requests }: LoadResult) => cpu / requests * 1e6;

/** Switches of all reaped children of this process, with those of their threads that had ended before: getrusage(2). */
function switchesOfChildren(): number {
  const usage = new BigInt64Array(18); // struct rusage: its last two are ru_nvcsw and ru_nivcsw
  libc.getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer));
  return Number(usage[16] + usage[17]);
}
const RUSAGE_CHILDREN = -1;

/** The threads of a server that sleep in recv(2): each has a client. */
const receiving = ({ pid }: Server) => tasks(pid).filter(({ call }) => call === "recv").length;

/** The programs of these models, without C: the article's claims are judged by the others. */
const judged = (...models: Model[]) =>
  PROGRAMS.filter(({ model, language }) => models.includes(model) && language !== "C");

/** 02, and right after it the same with Workers that do nothing: what the machine does meanwhile meets both. */
const THREADS = judged("02-thread").flatMap((program): Program[] => {
  const options = { script: "tests/programs/empty_threads.ts", args: ["--port", "0"] };
  const runtime = RUNTIME[program.language];
  if (!runtime) return [];
  const name = `empty Workers in ${program.language}`;
  return [program, { ...program, name, command: commandLine("02-thread", runtime, options) }];
});

/** Measure everything; `progress` hears what. What fails with one program is noted, and the others go on. */
export async function measureAll(rounds: number, progress: (what: string) => void) {
  const figures: Figures = {};
  const notes = PROGRAMS.filter(({ here }) => !here).map(({ name }) => `${name}: it cannot be started here`);

  async function each(says: string, programs: readonly Program[], measure: Measure, limits: string[] = []) {
    progress(says);
    for (const program of programs.filter(({ here }) => here)) {
      const { name, model, language, command } = program;
      const rest = model === "01-fork" || model === "02-thread"; // they work on when a client has been answered
      const keep: Test["keep"] = (what, value, round = 1) =>
        ((figures[subject(model, what)] ??= {})[language] ??= [])[round - 1] = value;
      try {
        await using server = await startServer(name, [...limits, ...command]);
        const load: Test["load"] = async (clients, seconds = 0.4) => {
          const found = await heavyLoad(server, { clients, seconds, rest });
          if (found.failed > 0) notes.push(`${name}, ${clients} clients: ${found.failed} requests failed`);
          if (found.requests === 0 && clients > 0) throw new Error("no request was answered");
          checkPossible(program, navigator.hardwareConcurrency, found);
          return found;
        };
        await measure({ program, server, load, keep });
      } catch (error) {
        if (error instanceof MeasuringFault) throw error;
        notes.push(`${name}: ${(error as Error).message}`);
      }
    }
  }

  for (let round = 1; round <= rounds; round++) { // they alternate: what the machine does meanwhile meets all of them
    const says = `ten clients at each of ${PROGRAMS.length} programs, round ${round} of ${rounds}`;
    await each(says, PROGRAMS, async ({ load, keep }) => {
      await load(10); // the compilers come first
      keep("at 10", cost(await load(10)), round);
    });
    const threads = `threads one after another, round ${round} of ${rounds}`;
    await each(threads, THREADS, async ({ program: { name }, load, keep }) => {
      await load(10);
      keep(/^empty/.test(name) ? "worker" : "at 1", cost(await load(1, 1)), round);
    });
  }
  for (const model of ["04-busy-poll", "05-select", "06-epoll"] as const) {
    const says = `at rest, then one client beside silent ones: ${model}`;
    await each(says, judged(model), async ({ server, load, keep }) => {
      await load(10);
      await load(0); // what Bun still compiles is no rest
      const { cpu, seconds } = await load(0);
      keep("idle", cpu / seconds * 100);
      for (const count of [0, 10, 100, 990]) {
        using _silent = await silent(server, count);
        await get(server); // all that came before it have been accepted then
        for (let round = 1; round <= rounds; round++) {
          keep(`beside ${count}`, cost(await load(1, 0.2)), round);
        }
      }
    });
  }
  const threads = judged("02-thread", "03-thread-pool");
  await each("a hundred clients at 02 and 03", threads, async ({ server, load, keep }) => {
    const before = switches(server.pid) + switchesOfChildren();
    const { requests, seconds } = await load(100);
    keep("rate", requests / seconds);
    await server[Symbol.asyncDispose](); // and it is reaped
    keep("switches", (switchesOfChildren() - before) / requests);
  });
  await each("a pool whose threads all wait", judged("03-thread-pool"), async ({ server, keep }) => {
    using _silent = await silent(server, 4);
    await until(() => receiving(server) === 4);
    const answered = get(server).then(() => 1, () => 0);
    keep("answers", await Promise.race([answered, pause(1000).then(() => 0)]));
  });

  /** What a server has when it says that it can take no more: threads that serve a client, or descriptors. */
  const limit: Measure = async ({ program: { model }, server, keep }) => {
    using _silent = await silent(server, 1100);
    const refuses = /can't start new thread|fd_set/;
    await until(() => server.stderr.some((line) => refuses.test(line)), `${refuses}`);
    await settled(server);
    keep("limit", model === "02-thread" ? receiving(server) : openFiles(server.pid).length);
  };
  // A thread of JavaScript has descriptors of its own, one of CPython a stack: 8 MiB of addresses mostly.
  const [python, ...others] = judged("02-thread");
  const addresses = ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh"];
  await each("threads of CPython, until there are no more", [python], limit, addresses);
  await each("threads of JavaScript, until there are no more", others, limit, descriptorsAtMost(256));
  await each("descriptors, until there are no more", judged("05-select"), limit);
  return { rounds, figures, notes };
}
