/** What the commands have in common. */
import { parseArgs, type ParseArgsConfig } from "node:util";

/** What a command is told, such as `--json FILE`. `--help`, and what is wrong, end the process. */
export function readOptions<T extends NonNullable<ParseArgsConfig["options"]>>(
  command: string,
  help: string,
  options: T,
  args = Deno.args,
) {
  if (args.includes("--help")) {
    console.log(help);
    Deno.exit(0);
  }
  try {
    return parseArgs({ options, args }).values;
  } catch (error) {
    complain(command, (error as Error).message);
  }
}

/** Say what is wrong with the command line, and end. */
export function complain(command: string, line: string): never {
  console.error(`${command}: ${line}; --help lists the options`);
  Deno.exit(2);
}

/** Write charts into a folder, by their names. */
export async function writeCharts(folder: string, charts: Record<string, string>): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, svg] of Object.entries(charts)) await Deno.writeTextFile(`${folder}/${name}.svg`, svg);
}
