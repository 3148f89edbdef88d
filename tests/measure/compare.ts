/**
 * `deno task compare`: what the lessons cost beside C, CPython and the runtimes' own servers, and whether the article's
 * claims hold. Every program is a process, and so are the load and the silent clients.
 */
import { parseArgs } from "node:util";
import { PROGRAMS } from "../peers/programs.ts";
import { startLoad } from "../support/clients.ts";
import { LESSONS } from "../support/runtimes.ts";
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

/** The command line; a wrong one ends the process. */
function readOptions() {
  const [quick, help] = [{ type: "boolean" }, { type: "boolean" }] as const;
  const [json, from, svg] = [{ type: "string" }, { type: "string" }, { type: "string" }] as const;
  try {
    const { values, positionals } = parseArgs({
      options: { quick, json, from, svg, help },
      allowPositionals: true,
    });
    const unknown = positionals.find((name) => !LESSONS.some((lesson) => lesson === name));
    if (unknown !== undefined) throw new Error(`there is ${LESSONS.join(", ")}, but no ${unknown}`);
    return { ...values, lessons: positionals };
  } catch (error) {
    console.error(`compare: ${(error as Error).message}; --help lists the options`);
    Deno.exit(2);
  }
}

/** The processor, the kernel, and the versions of what is measured. */
function describeMachine(): string[] {
  const output = (program: string, argument: string) => {
    try {
      const { stdout, stderr } = new Deno.Command(program, { args: [argument] }).outputSync();
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    } catch {
      return "";
    }
  };
  const programs = {
    Deno: "deno",
    Bun: "bun",
    "Node.js": "node",
    CPython: "python3",
    gcc: "cc",
    nginx: "nginx",
  };
  const versions = Object.entries(programs).flatMap(([name, program]) => {
    const found = /\d+(\.\d+)+/.exec(output(program, program === "nginx" ? "-v" : "--version"));
    return found ? [`${name} ${found[0]}`] : [];
  });
  const cpu = /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  return [
    `${cpu}, ${navigator.hardwareConcurrency} processors, Linux ${Deno.osRelease()}`,
    versions.join(", "),
  ];
}

/** Measure everything, or these lessons. */
async function measureAll(lessons: readonly string[], quick = false): Promise<Run> {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  const chosen = PROGRAMS.filter(({ model }) =>
    lessons.length === 0 || model === "own server" || lessons.includes(model)
  );
  const notes = chosen.flatMap(({ name, absent }) => absent ? [`${name}: ${absent}`] : []);
  const found = { figures: [], notes, faults: [] };
  const dir = await Deno.makeTempDir();
  try {
    await using load = startLoad();
    const plan = {
      ...found,
      load,
      dir,
      programs: chosen.filter(({ absent }) => !absent),
      rounds: quick ? 1 : 5,
      seconds: quick ? 0.3 : 0.4,
      progress: (what: string) => console.error(`${String(seconds()).padStart(4)} s: ${what}`),
    };
    for (const part of [tenClients, besideSilent, overload, fullPool, limits]) await part(plan);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  return { machine: describeMachine(), seconds: seconds(), ...found };
}

const { lessons, quick, json, from, svg, help } = readOptions();
if (help) {
  console.log(HELP);
  Deno.exit(0);
}
const run: Run = from ? JSON.parse(await Deno.readTextFile(from)) : await measureAll(lessons, quick);
console.log(report(run));
if (json) await Deno.writeTextFile(json, JSON.stringify(run, null, 1) + "\n");
if (svg) {
  await Deno.mkdir(svg, { recursive: true });
  for (
    const [name, chart] of Object.entries({
      growth: growthChart(run.figures),
      peers: peersChart(run.figures),
    })
  ) {
    if (chart) await Deno.writeTextFile(`${svg}/${name}.svg`, chart);
  }
}
Deno.exit(run.faults.length > 0 ? 1 : 0);
