/** Puts the page together: one file, without a request to anywhere. */
import { stripTypeScriptTypes } from "node:module";
import type { Recorded } from "./run.ts";

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));

/** The scripts of the page, each after those that it uses. */
const SCRIPTS = ["../support/trace_lines.ts", "model.ts", "words.ts", "run.ts", "scene.ts", "page.ts"];

/** Without types, as parts of one script: their names differ. */
const plain = async (name: string) =>
  stripTypeScriptTypes(await read(name)).replace(/^import [^;]*;$|^export |[ \t]+$/gm, "");

/** The page for these runs; a live one has a run that is still empty, and asks its server for more. */
export async function build(runs: readonly Recorded[], live = false): Promise<string> {
  const parts: Record<string, string> = {
    STYLE: await read("scene.css") + await read("page.css"),
    DATA: JSON.stringify({ live, runs }).replaceAll("<", "\\u003c"),
    SCRIPT: `const words = ${await read("words.json")};\n` + (await Promise.all(SCRIPTS.map(plain))).join(""),
  };
  return (await read("page.html")).replace(/\/\*(STYLE|DATA|SCRIPT)\*\//g, (_, name) => parts[name]);
}
