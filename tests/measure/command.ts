/** What commands that write files have in common. */

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
