/**
 * `deno task compare`: the article's argument, measured on this machine. Each
 * lesson under each runtime is a process; the load and the silent clients come from
 * processes of their own. Rounds alternate, and what is printed are medians.
 */
import { parseArgs } from "node:util";
import type { Birth } from "../programs/birth.ts";
import { type Chart, draw, type Series } from "./chart.ts";
import { get, heavyLoad, hold } from "../support/clients.ts";
import { children, cpuSeconds, DESCRIPTOR_LIMIT, descriptors, pssKiB, tasks } from "../support/proc.ts";
import { type Lesson, LESSONS, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { descriptorsAtMost, run, type Server, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

function complain(line: string): never {
  console.error(`compare: ${line}; --help lists the options`);
  Deno.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        lesson: { type: "string", multiple: true, default: [...LESSONS] },
        runtime: { type: "string", multiple: true, default: [...RUNTIMES] },
        quick: { type: "boolean" },
        json: { type: "string" },
        svg: { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    return complain((error as Error).message);
  }
}

const options = readOptions();
if (options.help) {
  console.log(`deno task compare [options]

  --lesson NAME   only this lesson, such as 06-epoll (may be repeated)
  --runtime NAME  only deno or bun
  --quick         one short round, rougher figures
  --json FILE     write every figure
  --svg DIR       draw serving.svg, growth.svg and pool.svg`);
  Deno.exit(0);
}
for (const [given, known] of [[options.lesson, LESSONS], [options.runtime, RUNTIMES]] as const) {
  const unknown = given.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) complain(`there is ${known.join(", ")} here, but no ${unknown}`);
}
const lessons = LESSONS.filter((lesson) => options.lesson.includes(lesson));
const runtimes = RUNTIMES.filter((runtime) => options.runtime.includes(runtime));

const ROUNDS = options.quick ? 1 : 3;
const SECONDS = options.quick ? 0.2 : 0.3;
const CLIENTS = [1, 10, 100, 1000];

interface Figure {
  measure: "serving" | "idle" | "growth" | "memory" | "birth" | "pool" | "limit";
  lesson: Lesson;
  runtime: Runtime;
  /** Clients at once (serving), births one after another (birth), what it had when it could take no more (limit), silent connections (all others). */
  n: number;
  /** CPU time of the server and its children for a request, or of a birth, µs. */
  cpu?: number;
  /** A birth to its end, µs. */
  time?: number;
  /** Requests a second; latencies in µs. */
  rate?: number;
  p50?: number;
  p99?: number;
  max?: number;
  failed?: number;
  /** Share of one processor, while nobody asks anything. */
  share?: number;
  /** Memory for one more silent client, KiB. */
  memory?: number;
  /** Time to an ordinary client's answer, ms; null: none within a second. */
  latency?: number | null;
}
const raw: Figure[] = [];

const encoder = new TextEncoder();
function progress(text: string) {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`));
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** CPU of a server with its children, once all of them have been reaped and so counted. */
async function cpu({ pid }: Server): Promise<number> {
  await waitFor("the end of the children", () => children(pid).length === 0);
  return cpuSeconds(pid);
}

async function load(server: Server, clients: number, seconds: number) {
  const before = await cpu(server);
  const result = await heavyLoad(server, clients, seconds);
  const after = await cpu(server);
  return { ...result, rate: result.requests / result.seconds, cpu: (after - before) / result.requests * 1e6 };
}

async function eachServer(
  chosen: readonly Lesson[],
  before: string[],
  use: (server: Server, lesson: Lesson, runtime: Runtime) => Promise<void>,
) {
  for (const lesson of lessons.filter((lesson) => chosen.includes(lesson))) {
    for (const runtime of runtimes) {
      await using server = await start(lesson, runtime, { before });
      await use(server, lesson, runtime);
    }
  }
}

async function serving() {
  for (let round = 1; round <= ROUNDS; round++) {
    await eachServer(LESSONS, [], async (server, lesson, runtime) => {
      await load(server, 10, lesson === "02-thread" ? 0.1 : 0.3); // warm up: the compilers come first
      for (const clients of CLIENTS) {
        // A thousand threads take Deno a quarter of a minute, and gigabytes; and a thousand forks take seconds.
        if (lesson === "02-thread" && clients > (round === 1 ? 100 : 10)) continue;
        if (lesson === "01-fork" && clients > 100 && round > 1) continue;
        progress(`serving: ${lesson} on ${runtime}, ${clients} clients, round ${round} of ${ROUNDS}`);
        const { rate, cpu, p50, p99, max, failed } = await load(server, clients, SECONDS);
        raw.push({ measure: "serving", lesson, runtime, n: clients, rate, cpu, p50, p99, max, failed });
      }
    });
  }
}

/** The most silent connections that a lesson is asked to hold. */
const most = (lesson: Lesson) => lesson === "02-thread" ? 20 : lesson === "05-select" ? 990 : 1000;

async function doingNothing() {
  await eachServer(LESSONS, [], async (server, lesson, runtime) => {
    await get(server);
    for (const n of [0, most(lesson)]) {
      progress(`doing nothing: ${lesson} on ${runtime}, ${n} silent connections`);
      const memory = family(server);
      await using _silent = await hold(server, n);
      await settle(server, lesson, n);
      const [cpuBefore, before] = [cpuSeconds(server.pid), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
      const share = (cpuSeconds(server.pid) - cpuBefore) / (performance.now() - before) * 1000;
      raw.push({ measure: "idle", lesson, runtime, n, share });
      if (n > 0) raw.push({ measure: "memory", lesson, runtime, n, memory: (family(server) - memory) / n });
    }
  });
}

/** Wait until the silent clients have been accepted, and what they set off is over. */
async function settle(server: Server, lesson: Lesson, n: number) {
  if (lesson === "01-fork") await waitFor(`${n} children`, () => children(server.pid).length >= n);
  let last = -1;
  await waitFor("a server at rest", async () => {
    const before = last;
    last = family(server);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return Math.abs(last - before) < 64;
  });
}

/** Memory of a server and its children: each page is counted once, however many share it. */
function family({ pid }: Server): number {
  return [pid, ...children(pid)].reduce((sum, pid) => sum + pssKiB(pid), 0);
}

async function growth() {
  for (const lesson of lessons.filter((lesson) => BY_ONE_THREAD.includes(lesson))) {
    await using servers = new AsyncDisposableStack();
    const competitors: [Runtime, Server][] = [];
    for (const runtime of runtimes) {
      const server = servers.use(await start(lesson, runtime));
      competitors.push([runtime, server]);
      await load(server, 10, SECONDS); // warm up
    }
    const steps = [0, 10, 100, lesson === "05-select" ? 990 : 1000];
    for (const n of steps) {
      progress(`growth: ${lesson} beside ${n} silent connections`);
      await using silent = new AsyncDisposableStack();
      const before = performance.now();
      await Promise.all(competitors.map(async ([_, server]) => {
        silent.use(await hold(server, n));
        await get(server); // all that came before it have been accepted then
      }));
      if (n === 1000 && !options.quick && DESCRIPTOR_LIMIT >= 10_300) {
        // Busy polling takes one connection a turn, and a turn asks them all: ten times as many take it a hundred
        // times as long. Where 1,000 take half a second, 10,000 would take most of a minute.
        steps.push(performance.now() - before < 500 || lesson !== "04-busy-poll" ? 10_000 : 3000);
      }
      for (let round = 0; round < ROUNDS; round++) {
        for (const [runtime, server] of competitors) {
          const others = competitors.filter(([_, other]) => other !== server);
          for (const [_, other] of others) other.kill("SIGSTOP"); // only one spins at a time
          const { cpu } = await load(server, lesson === "05-select" ? 1 : 10, SECONDS);
          raw.push({ measure: "growth", lesson, runtime, n, cpu });
          for (const [_, other] of others) other.kill("SIGCONT");
        }
      }
    }
  }
}
const BY_ONE_THREAD: readonly Lesson[] = ["04-busy-poll", "05-select", "06-epoll"];

/** One process or thread after another, each of which ends at once. */
async function birth() {
  for (let round = 1; round <= ROUNDS; round++) {
    for (const lesson of lessons.filter((lesson) => lesson in BIRTHS)) {
      for (const runtime of runtimes) {
        progress(`birth: ${lesson} on ${runtime}, round ${round} of ${ROUNDS}`);
        const n = lesson === "01-fork" ? 100 : 20;
        const args = [BIRTHS[lesson]!, String(n)];
        const { stdout } = await run(lesson, runtime, { script: "tests/programs/birth.ts", args });
        raw.push({ measure: "birth", lesson, runtime, n, ...JSON.parse(stdout) as Birth });
      }
    }
  }
}
const BIRTHS: Partial<Record<Lesson, string>> = { "01-fork": "fork", "02-thread": "thread" };

async function pool() {
  await eachServer(["03-thread-pool"], [], async (server, lesson, runtime) => {
    await load(server, 4, 0.2); // warm up
    for (const n of [0, 3, 4, 8]) {
      progress(`the pool: ${runtime}, ${n} silent clients`);
      await using _silent = await hold(server, n);
      await new Promise((resolve) => setTimeout(resolve, 100)); // they take their threads
      const latencies: number[] = [];
      for (let i = 0; i < (options.quick ? 5 : 20); i++) {
        const before = performance.now();
        const answer = get(server).catch(() => "");
        const late = Promise.withResolvers<null>();
        const timer = setTimeout(() => late.resolve(null), 1000);
        if (await Promise.race([answer, late.promise]) === null) break;
        clearTimeout(timer);
        latencies.push(performance.now() - before);
      }
      raw.push({ measure: "pool", lesson, runtime, n, latency: latencies.length ? median(latencies) : null });
    }
  });
}

/** What a server has when it can take no more: threads of 02, with 256 descriptors allowed; descriptors of 05. */
async function limits() {
  const refused = (server: Server, line: RegExp) =>
    waitFor(`${line}`, () => server.stderr.some((printed) => line.test(printed)));
  await eachServer(["02-thread"], descriptorsAtMost(256), async (server, lesson, runtime) => {
    progress(`limits: ${lesson} on ${runtime}`);
    await using _silent = await hold(server, 200);
    await refused(server, /^can't start new thread/);
    raw.push({ measure: "limit", lesson, runtime, n: tasks(server.pid).length });
  });
  await eachServer(["05-select"], descriptorsAtMost(1300), async (server, lesson, runtime) => {
    progress(`limits: ${lesson} on ${runtime}`);
    await using _silent = await hold(server, 1100);
    await refused(server, /fd_set/);
    await get(server).catch(() => {}); // refused too; all that came before it are in or out by then
    raw.push({ measure: "limit", lesson, runtime, n: descriptors(server.pid) });
  });
}

const started = performance.now();
await serving();
await doingNothing();
await growth();
await birth();
await pool();
await limits();
progress("");

/** The median of one figure over the rounds, or nothing if it was not measured. */
function figure<K extends keyof Figure>(
  measure: Figure["measure"],
  lesson: Lesson,
  runtime: Runtime,
  n: number | "most",
  key: K,
): number | undefined {
  const found = raw.filter((f) => f.measure === measure && f.lesson === lesson && f.runtime === runtime);
  const wanted = n === "most" ? Math.max(...found.map((f) => f.n)) : n;
  const values = found.filter((f) => f.n === wanted).map((f) => f[key]).filter((value) =>
    typeof value === "number"
  );
  return values.length > 0 ? median(values) : undefined;
}

const machine = {
  date: new Date().toISOString().slice(0, 10),
  cpu: /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch,
  cores: navigator.hardwareConcurrency,
  kernel: Deno.osRelease(),
  deno: Deno.version.deno,
  bun: RUNTIMES.includes("bun")
    ? new TextDecoder().decode(new Deno.Command("bun", { args: ["--version"] }).outputSync().stdout).trim()
    : undefined,
};

const clients = (n: number) => n === 1 ? "1 client" : `${cell(n)} clients`;
const cell = (value: number | undefined, digits = 0) =>
  value === undefined
    ? "–"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
function table(title: string, head: string[], rows: string[][]) {
  if (rows.length === 0) return;
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => [...row[i]].length)));
  const line = (row: string[]) =>
    row.map((text, i) => i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join("  ");
  console.log(`\n${title}\n${line(head)}\n${rows.map(line).join("\n")}`);
}
const pairs = (chosen: readonly Lesson[] = LESSONS) =>
  lessons.filter((lesson) => chosen.includes(lesson)).flatMap((lesson) =>
    runtimes.map((runtime) => [lesson, runtime] as const)
  );

console.log(
  `${machine.cpu}, ${machine.cores} processors, Linux ${machine.kernel}, Deno ${machine.deno}, Bun ${
    machine.bun ?? "–"
  }`,
);
table("Serving: CPU time of the server for a request, µs", [
  "lesson",
  "runtime",
  ...CLIENTS.map(clients),
], pairs().map(([l, r]) => [l, r, ...CLIENTS.map((n) => cell(figure("serving", l, r, n, "cpu")))]));
table(
  "Serving: requests a second",
  ["lesson", "runtime", ...CLIENTS.map(clients)],
  pairs().map(([l, r]) => [l, r, ...CLIENTS.map((n) => cell(figure("serving", l, r, n, "rate")))]),
);
table(
  "Serving: latency at 100 clients, ms",
  ["lesson", "runtime", "p50", "p99", "worst", "failed"],
  pairs().map(([l, r]) => [
    l,
    r,
    ...(["p50", "p99", "max"] as const).map((key) =>
      cell((figure("serving", l, r, 100, key) ?? NaN) / 1000, 1)
    ),
    cell(figure("serving", l, r, 100, "failed")),
  ]),
);
table(
  "Doing nothing: share of one processor, without clients and beside silent ones",
  ["lesson", "runtime", "no client", "silent ones", "share"],
  pairs().map(([l, r]) => [
    l,
    r,
    `${cell((figure("idle", l, r, 0, "share") ?? NaN) * 100, 1)} %`,
    cell(most(l)),
    `${cell((figure("idle", l, r, most(l), "share") ?? NaN) * 100, 1)} %`,
  ]),
);
table(
  "Birth: a process or a thread that ends at once, ms; and what holding a silent client takes",
  ["lesson", "runtime", "time", "CPU", "KiB a client", "clients in 1 GiB"],
  pairs().map(([l, r]) => {
    const memory = figure("memory", l, r, most(l), "memory");
    const ms = (key: "time" | "cpu") => {
      const µs = figure("birth", l, r, "most", key);
      return cell(µs && µs / 1000, 2);
    };
    const bound: Partial<Record<Lesson, string>> = {
      "03-thread-pool": "4 threads",
      "04-busy-poll": "descriptors",
      "05-select": "1,024 descriptors",
      "06-epoll": "descriptors",
    };
    return [
      l,
      r,
      ms("time"),
      ms("cpu"),
      cell(memory && Math.max(memory, 0), 1),
      bound[l] ?? cell(memory && Math.round(2 ** 20 / memory / 10) * 10),
    ];
  }),
);
const silent = [0, 10, 100, 1000];
const mostSilent = (lesson: Lesson) =>
  Math.max(...raw.filter((f) => f.measure === "growth" && f.lesson === lesson).map((f) => f.n));
table(
  "Growth: CPU time for a request, µs, beside silent connections",
  ["lesson", "runtime", ...silent.map((n) => cell(n)), "at most", "which are"],
  pairs(BY_ONE_THREAD).map(([l, r]) => [
    l,
    r,
    ...silent.map((n) => cell(figure("growth", l, r, n, "cpu"))),
    cell(figure("growth", l, r, "most", "cpu")),
    cell(mostSilent(l)),
  ]),
);
table(
  "The pool: an ordinary client's answer, ms, beside silent clients",
  ["lesson", "runtime", "0", "3", "4", "8"],
  pairs(["03-thread-pool"]).map(([l, r]) => [
    l,
    r,
    ...[0, 3, 4, 8].map((n) =>
      figure("pool", l, r, n, "latency") === undefined
        ? "none in 1 s"
        : cell(figure("pool", l, r, n, "latency"), 2)
    ),
  ]),
);

console.log("\nWhat the article claims, and what this run says");
for (const runtime of runtimes) {
  for (const [claim, said, holds] of claims(runtime)) {
    if (holds !== undefined) console.log(`${holds ? "yes" : "no "}  ${runtime.padEnd(4)}  ${claim}: ${said}`);
  }
}

/** Each claim: what it says, the figures, and whether they bear it out. Not measured: undefined. */
function claims(runtime: Runtime): [claim: string, said: string, holds: boolean | undefined][] {
  const cost = (lesson: Lesson) => figure("serving", lesson, runtime, 10, "cpu") ?? NaN;
  const grow = (lesson: Lesson, n: number | "most") => figure("growth", lesson, runtime, n, "cpu") ?? NaN;
  const idle = (lesson: Lesson) => (figure("idle", lesson, runtime, 0, "share") ?? NaN) * 100;
  const times = (value: number) => `${cell(value, value < 10 ? 1 : 0)} ×`;
  const known = (holds: boolean, ...values: number[]) => values.some(Number.isNaN) ? undefined : holds;
  const dear = cost("01-fork") / cost("06-epoll");
  const born = (lesson: Lesson) => figure("birth", lesson, runtime, "most", "cpu") ?? NaN;
  const thread = born("02-thread") / born("01-fork");
  const select = grow("05-select", 990) / grow("05-select", 0);
  const busy = grow("04-busy-poll", 1000) / grow("04-busy-poll", 0);
  const epoll = grow("06-epoll", "most") / grow("06-epoll", 0);
  const threads = figure("limit", "02-thread", runtime, "most", "n") ?? NaN;
  const sockets = figure("limit", "05-select", runtime, "most", "n") ?? NaN;
  const waits = [3, 4].map((n) =>
    raw.find((f) => f.measure === "pool" && f.runtime === runtime && f.n === n)?.latency
  );
  return [
    ["1 a process for each connection is dear", `${times(dear)} the CPU of 06`, known(dear > 3, dear)],
    [
      "1 a thread is cheaper than a process",
      `${times(thread)} the CPU of a fork (a Worker is a whole VM)`,
      known(thread < 1, thread),
    ],
    [
      '2 threads end in "can\'t start new thread"',
      `at ${cell(threads)} threads with 256 descriptors`,
      known(threads > 0, threads),
    ],
    [
      "3 a pool's fifth client waits",
      `answered beside 3 silent: ${waits[0] != null ? "yes" : "no"}, beside 4: ${
        waits[1] != null ? "yes" : "no"
      }`,
      waits[0] === undefined ? undefined : waits[0] !== null && waits[1] === null,
    ],
    [
      "4 busy polling burns a whole core",
      `${cell(idle("04-busy-poll"))} % while idle`,
      known(idle("04-busy-poll") > 90, idle("04-busy-poll")),
    ],
    [
      "4 and its cost grows with the sockets",
      `${times(busy)} beside 1,000 silent ones`,
      known(busy > 2, busy),
    ],
    [
      "5 select sleeps when nothing happens",
      `${cell(idle("05-select"), 1)} % while idle`,
      known(idle("05-select") < 2, idle("05-select")),
    ],
    ["5 but looks at all n: O(n)", `${times(select)} beside 990 silent ones`, known(select > 2, select)],
    [
      "5 and holds 1,024 descriptors at most",
      `${cell(sockets)} with 1,100 silent ones`,
      known(sockets <= 1024, sockets),
    ],
    [
      "6 epoll looks at k only: O(k)",
      `${times(epoll)} beside ${cell(mostSilent("06-epoll"))} silent ones`,
      known(epoll < 1.5, epoll),
    ],
  ];
}

if (options.json) {
  await Deno.writeTextFile(options.json, JSON.stringify({ machine, figures: raw }, null, 2) + "\n");
}
if (options.svg) {
  await Deno.mkdir(options.svg, { recursive: true });
  const lines = (measure: Figure["measure"], key: keyof Figure, runtime: Runtime): Series[] =>
    lessons.map((lesson) => {
      const ns = new Set(
        raw.filter((f) => f.measure === measure && f.lesson === lesson && f.runtime === runtime).map((f) =>
          f.n
        ),
      );
      const points = [...ns].toSorted((a, b) => a - b).flatMap((n) => {
        const value = figure(measure, lesson, runtime, n, key);
        return value === undefined ? [] : [[n, value] as const];
      });
      return { name: lesson, style: LESSONS.indexOf(lesson), points };
    }).filter(({ points }) => points.length > 0);
  const panels = (measure: Figure["measure"], key: keyof Figure) =>
    runtimes.map((runtime) => ({
      title: runtime === "deno" ? `Deno ${machine.deno}` : `Bun ${machine.bun}`,
      series: lines(measure, key, runtime),
    }));
  const charts: Record<string, Chart> = {
    serving: {
      title: "Serving",
      x: "clients at once",
      y: "CPU time for a request, µs",
      ticks: CLIENTS,
      panels: panels("serving", "cpu"),
    },
    growth: {
      title: "Growth",
      x: "silent connections beside",
      y: "CPU time for a request, µs",
      ticks: [...silent, 10_000],
      panels: panels("growth", "cpu"),
    },
    pool: {
      title: "The pool of four threads",
      x: "silent clients",
      y: "an ordinary client's answer, ms (at 1k: none within a second)",
      ticks: [0, 3, 4, 8],
      panels: runtimes.map((runtime) => ({
        title: runtime === "deno" ? `Deno ${machine.deno}` : `Bun ${machine.bun}`,
        series: [{
          name: "03",
          style: 2,
          points: raw.filter((f) => f.measure === "pool" && f.runtime === runtime).map((f) =>
            [f.n, f.latency ?? 1000] as const
          ),
        }],
      })),
    },
  };
  for (const [name, chart] of Object.entries(charts)) {
    if (chart.panels.some(({ series }) => series.some(({ points }) => points.length > 0))) {
      await Deno.writeTextFile(`${options.svg}/${name}.svg`, draw(chart));
    }
  }
}
console.log(`\n${cell((performance.now() - started) / 1000)} s`);
Deno.exit(0);
