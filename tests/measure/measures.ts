/** How every figure of `compare` is found. Each program is started anew, and a figure that cannot be ends the run. */
import { type Model, type Program, PROGRAMS, RUNTIME } from "../peers/programs.ts";
import { get, silent, startLoad } from "../support/clients.ts";
import { descriptors, settled, switches, tasks } from "../support/proc.ts";
import { descriptorsAtMost, run, type Server, startServer } from "../support/servers.ts";
import { libc } from "../support/syscalls.ts";
import { pause, waitFor } from "../support/wait.ts";
import { checkPossible, type Figure, MeasuringFault, short, type Subject } from "./figures.ts";

/** A program that runs, how to put load on it, and how to keep a figure of it. */
interface Test {
  readonly program: Program;
  readonly server: Server;
  /** The requests, those in a second, the CPU time of each, µs, and the server's share of a processor, %. */
  load(clients: number, seconds?: number): Promise<Record<"requests" | "rate" | "cpu" | "share", number>>;
  keep(of: Subject, value: number, round?: number): void;
}
type Measure = (test: Test) => Promise<void>;

/** Ten clients at once; of 02 also one after another, and an empty Worker. */
async function tenClients({ program: { model, language }, load, keep }: Test, round: number): Promise<void> {
  await load(10); // the compilers come first
  keep(`${short(model)} at 10`, (await load(10)).cpu, round);
  const runtime = RUNTIME[language];
  if (model !== "02-thread" || !runtime) return;
  keep("02 at 1", (await load(1)).cpu, round);
  const script = "tests/programs/worker_cost.ts";
  const { stdout, stderr } = await run(model, runtime, { script, args: ["20"] });
  if (stdout === "") throw new Error(stderr);
  keep("empty at 1", Number(stdout), round);
}

/** What a server does while nothing happens; then one client, beside more and more silent ones. */
async function besideSilent({ program, server, load, keep }: Test, rounds: number): Promise<void> {
  const of = short(program.model);
  await load(10);
  await load(0); // what Bun still compiles is no rest
  keep(`${of} idle`, (await load(0)).share);
  for (const count of [0, 10, 100, 990]) {
    using _silent = await silent(server, count);
    await get(server); // all that came before it have been accepted then
    for (let round = 1; round <= rounds; round++) {
      keep(`${of} beside ${count}`, (await load(1, 0.2)).cpu, round);
    }
  }
}

/** A hundred clients at threads: a pool, and one for each. */
async function overload({ program, server, load, keep }: Test): Promise<void> {
  const of = short(program.model);
  const before = switches(server.pid) + switchesOfChildren();
  const { requests, rate } = await load(100);
  keep(`${of} rate`, rate);
  await server[Symbol.asyncDispose](); // and it is reaped
  keep(`${of} switches`, (switchesOfChildren() - before) / requests);
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
async function fullPool({ server, keep }: Test): Promise<void> {
  using _silent = await silent(server, 4);
  await waitFor("four threads in recv", () => receiving(server) === 4);
  const answered = get(server).then(() => 1, () => 0);
  keep("03 answers", await Promise.race([answered, pause(1000).then(() => 0)]));
}

/** What a server has when it says that it can take no more: threads that serve a client, or descriptors. */
async function limit({ program: { model }, server, keep }: Test): Promise<void> {
  using _silent = await silent(server, 1100);
  const refuses = /can't start new thread|fd_set/;
  await waitFor(`${refuses}`, () => server.stderr.some((line) => refuses.test(line)));
  await settled(server);
  keep(`${short(model)} limit`, model === "02-thread" ? receiving(server) : descriptors(server.pid));
}

/** The programs of these models, without C: the article's claims are judged by the others. */
const judged = (...models: Model[]) =>
  PROGRAMS.filter(({ model, language }) => models.includes(model) && language !== "C");

/** Measure everything; `progress` hears what. What fails with one program is noted, and the others go on. */
export async function measureAll(rounds: number, progress: (what: string) => void) {
  const figures: Figure[] = [];
  const notes = PROGRAMS.filter(({ here }) => !here).map(({ name }) => `${name}: it cannot be started here`);
  const dir = await Deno.makeTempDir();
  await using loader = startLoad();

  async function start(program: Program, measure: Measure, limits: string[]) {
    const { name, model, language } = program;
    await using server = await startServer(name, [...limits, ...program.command(dir)]);
    const { pid, port } = server;
    const rest = model === "01-fork" || model === "02-thread"; // they work on when a client has been answered
    const keep: Test["keep"] = (of, value, round = 1) => figures.push({ of, language, round, value });
    const load: Test["load"] = async (clients, seconds = 0.4) => {
      const { requests, failed, ...usage } = await loader.run({ pid, port, clients, seconds, rest });
      if (failed > 0) notes.push(`${name}, ${clients} clients: ${failed} of ${requests + failed} failed`);
      if (requests === 0 && clients > 0) throw new Error("no request was answered");
      checkPossible(model, navigator.hardwareConcurrency, usage);
      const [cpu, share] = [usage.cpu / requests * 1e6, usage.cpu / usage.seconds * 100];
      return { requests, rate: requests / usage.seconds, cpu, share };
    };
    await measure({ program, server, load, keep });
  }
  async function each(says: string, programs: readonly Program[], measure: Measure, limits: string[] = []) {
    progress(says);
    for (const program of programs.filter(({ here }) => here)) {
      await start(program, measure, limits).catch((error) => {
        const line = `${program.name}: ${error.message}`;
        if (error instanceof MeasuringFault) throw new MeasuringFault(line);
        notes.push(line);
      });
    }
  }

  for (let round = 1; round <= rounds; round++) { // they alternate: what the machine does meanwhile meets all of them
    const says = `ten clients at each of ${PROGRAMS.length} programs, round ${round} of ${rounds}`;
    await each(says, PROGRAMS, (test) => tenClients(test, round));
  }
  for (const model of ["04-busy-poll", "05-select", "06-epoll"] as const) {
    const says = `one client beside silent ones: ${model}`;
    await each(says, judged(model), (test) => besideSilent(test, rounds));
  }
  await each("a hundred clients at 02 and 03", judged("02-thread", "03-thread-pool"), overload);
  await each("a pool whose threads all wait", judged("03-thread-pool"), fullPool);
  // A thread of JavaScript has descriptors of its own, one of CPython a stack: 8 MiB of addresses mostly.
  const [python, ...others] = judged("02-thread");
  const addresses = ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh"];
  await each("threads of CPython, until there are no more", [python], limit, addresses);
  await each("threads of JavaScript, until there are no more", others, limit, descriptorsAtMost(256));
  await each("descriptors, until there are no more", judged("05-select"), limit);
  await Deno.remove(dir, { recursive: true });
  return { figures, notes };
}
