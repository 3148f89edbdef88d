/**
 * `deno task compare`: what the lessons cost beside C, CPython and the runtimes' own servers, and whether the article's
 * claims hold.
 */
import { readOptions, writeCharts } from "../support/command_line.ts";
import { growthChart } from "./chart.ts";
import type { Run } from "./figures.ts";
import { measureAll } from "./measures.ts";
import { report } from "./report.ts";

const HELP = `deno task compare [options]

  --quick      one round, rougher figures
  --json FILE  write every figure
  --svg DIR    draw the chart
  --help       print this text`;

const NAMES = { Deno: "deno", Bun: "bun", "Node.js": "node", CPython: "python3", gcc: "cc", nginx: "nginx" };

/** The processor, the kernel, and the versions of what is measured. */
function describeMachine(): string[] {
  const versions = Object.entries(NAMES).flatMap(([name, program]) => {
    const args = ["-c", `${program} --version 2>&1 || ${program} -v 2>&1`];
    const { stdout } = new Deno.Command("sh", { args }).outputSync();
    const version = /\d+(\.\d+)+/.exec(new TextDecoder().decode(stdout));
    return version ? [`${name} ${version[0]}`] : [];
  });
  const cpu = /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const machine = `${cpu}, ${navigator.hardwareConcurrency} processors, Linux ${Deno.osRelease()}`;
  return [machine, versions.join(", ")];
}

const [flag, path] = [{ type: "boolean" }, { type: "string" }] as const;
const { quick, json, svg } = readOptions("compare", HELP, { quick: flag, json: path, svg: path });
const seconds = () => Math.round(performance.now() / 1000); // since this program began
const progress = (what: string) => console.error(`${String(seconds()).padStart(4)} s: ${what}`);
const found = await measureAll(quick ? 1 : 5, progress);
const run: Run = { machine: describeMachine(), seconds: seconds(), ...found };
console.log(report(run));
if (json) await Deno.writeTextFile(json, JSON.stringify(run, null, 1) + "\n");
if (svg) await writeCharts(svg, { growth: growthChart(run.figures) });
