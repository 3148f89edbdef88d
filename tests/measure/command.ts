/** What the commands that measure have in common: options, progress, the machine, files. */
import type { Machine } from "../report/figures.ts";
import { RUNTIMES } from "../support/runtimes.ts";

/** The options that every one of them takes. */
export const COMMON = {
  quick: { type: "boolean" },
  json: { type: "string" },
  from: { type: "string" },
  svg: { type: "string" },
  help: { type: "boolean" },
} as const;

const HELP = `
  --quick         one short round, rougher figures
  --json FILE     write every figure
  --from FILE     measure nothing: report on what --json wrote
  --svg DIR       draw the charts
  --help          print this text`;

/** The options of a command, as `parse` finds them; `--help`, which begins with `own`, and a wrong one end it. */
export function readOptions<T extends { help?: boolean }>(command: string, own: string, parse: () => T): T {
  try {
    const values = parse();
    if (!values.help) return values;
    console.log(`deno task ${command} [options]\n${own}${HELP}`);
    Deno.exit(0);
  } catch (error) {
    complain(command, (error as Error).message);
  }
}

/** Say what is wrong with the command line, and end. */
export function complain(command: string, line: string): never {
  console.error(`${command}: ${line}; --help lists the options`);
  Deno.exit(2);
}

/** What is being measured, in a terminal: the next one takes its place. */
export function progress(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

/** The run that `--from` names, or a new one, which `--json` keeps. */
export async function obtain<T>(
  { from, json }: { from?: string; json?: string },
  measure: () => Promise<T>,
): Promise<T> {
  if (from) return JSON.parse(await Deno.readTextFile(from));
  const run = await measure();
  progress("");
  if (json) await Deno.writeTextFile(json, JSON.stringify(run, null, 2) + "\n");
  return run;
}

/** Write charts into a folder, by their names. */
export async function writeCharts(folder: string, charts: Record<string, string>): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, svg] of Object.entries(charts)) await Deno.writeTextFile(`${folder}/${name}.svg`, svg);
}

/** This machine, and the versions of what is measured on it. */
export function describeMachine(python: boolean): Machine {
  const version = (program: string) => {
    const { stdout } = new Deno.Command(program, { args: ["--version"] }).outputSync();
    return /\d+(\.\d+)+/.exec(new TextDecoder().decode(stdout))?.[0];
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch,
    processors: navigator.hardwareConcurrency,
    kernel: Deno.osRelease(),
    versions: {
      ...Object.fromEntries(RUNTIMES.map((r) => [r, r === "deno" ? Deno.version.deno : version(r)])),
      ...(python && { python: version("python3") }),
    },
  };
}
