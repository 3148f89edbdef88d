/**
 * `deno task compare`: what the lessons cost beside C, CPython and the runtimes' own servers, and whether the article's
 * claims hold. Every program is a process, and so are the load and the silent clients.
 */
import { parseArgs } from "node:util";
import { PROGRAMS } from "../peers/programs.ts";
import { startLoad } from "../support/clients.ts";
import { type Lesson, LESSONS } from "../support/runtimes.ts";
import { growthChart, peersChart } from "./charts.ts";
import type { Run } from "./figures.ts";
import { besideSilent, fullPool, limits, overload, tenClients } from "./measures.ts";
import { report } from "./report.ts";

const HELP = `deno task compare [options] [LESSON…]

  LESSON…      only these lessons, such as 06-epoll
  --quick      one short round, rougher figures
  --json FILE  write every figure
  --from FILE  measure nothing: report on what --json wrote
  --svg DIR    draw the charts
  --help       print this text`;

/** The command line; `--help` and a wrong one end the process. */
function readOptions() {
  const [flag, text] = [{ type: "boolean" }, { type: "string" }] as const;
  const options = { quick: flag, json: text, from: text, svg: text, help: flag };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) {
      console.log(HELP);
      Deno.exit(0);
    }
    const unknown = positionals.find((name) => !LESSONS.includes(name as Lesson));
    if (unknown !== undefined) throw new Error(`no ${unknown} among the lessons ${LESSONS.join(", ")}`);
    return { ...values, lessons: positionals.length > 0 ? positionals : LESSONS };
  } catch (error) {
    console.error(`compare: ${(error as Error).message}; --help lists the options`);
    Deno.exit(2);
  }
}

/** The processor, the kernel, and the versions of what is measured. */
function describeMachine(): string[] {
  const names = {
    Deno: "deno",
    Bun: "bun",
    "Node.js": "node",
    CPython: "python3",
    gcc: "cc",
    nginx: "nginx",
  };
  const versions = Object.entries(names).flatMap(([name, program]) => {
    const args = ["-c", `${program} --version 2>&1 || ${program} -v 2>&1`];
    const { stdout } = new Deno.Command("sh", { args }).outputSync();
    const version = /\d+(\.\d+)+/.exec(new TextDecoder().decode(stdout));
    return version ? [`${name} ${version[0]}`] : [];
  });
  const cpu = /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const machine = `${cpu}, ${navigator.hardwareConcurrency} processors, Linux ${Deno.osRelease()}`;
  return [machine, versions.join(", ")];
}

/** Measure these lessons, and the servers of others. */
async function measureAll(lessons: readonly string[], quick = false): Promise<Run> {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  const chosen = PROGRAMS.filter(({ model }) => model === "own server" || lessons.includes(model));
  const notes = chosen.filter(({ here }) => !here).map(({ name }) => `${name}: it cannot be started here`);
  const found = { figures: [], notes, faults: [] };
  const programs = chosen.filter(({ here }) => here);
  const [rounds, duration] = quick ? [1, 0.3] : [5, 0.4];
  const progress = (what: string) => console.error(`${String(seconds()).padStart(4)} s: ${what}`);
  const dir = await Deno.makeTempDir();
  await using load = startLoad();
  const plan = { ...found, programs, rounds, seconds: duration, dir, load, progress };
  for (const part of [tenClients, besideSilent, overload, fullPool, limits]) await part(plan);
  await Deno.remove(dir, { recursive: true });
  return { machine: describeMachine(), seconds: seconds(), ...found };
}

const { lessons, quick, json, from, svg } = readOptions();
const run: Run = from ? JSON.parse(await Deno.readTextFile(from)) : await measureAll(lessons, quick);
console.log(report(run));
if (json) await Deno.writeTextFile(json, JSON.stringify(run, null, 1) + "\n");
if (svg) {
  await Deno.mkdir(svg, { recursive: true });
  const growth = growthChart(run.figures);
  if (growth) await Deno.writeTextFile(`${svg}/growth.svg`, growth);
  await Deno.writeTextFile(`${svg}/peers.svg`, peersChart(run.figures));
}
Deno.exit(run.faults.length > 0 ? 1 : 0);
