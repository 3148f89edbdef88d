/** Puts the page together: one file, which by its policy asks nobody but its own server. */
import { stripTypeScriptTypes } from "node:module";
import type { Recorded } from "./run.ts";

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));

/** The scripts of the page, each after those that it uses. */
const SCRIPTS = ["../support/trace_lines.ts", "model.ts", "words.ts", "run.ts", "scene.ts", "page.ts"];

/** Without types, as parts of one script: their names differ. */
const plain = async (name: string) =>
  stripTypeScriptTypes(await read(name)).replace(/^import [^;]*;$|^export |[ \t]+$/gm, "");

/** The page for these runs; a live one has a run that is still empty, and asks its server for more. */
export const build = async (runs: readonly Recorded[], live = false): Promise<string> =>
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self'; img-src data:;
script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Look inside</title>
<link rel="icon" href="data:,">
<style>
${await read("scene.css")}${await read("page.css")}</style>
<script id="data" type="application/json">
${JSON.stringify({ live, runs }).replaceAll("<", "\\u003c")}
</script>
<script type="module">
const words = ${await read("words.json")};
${(await Promise.all(SCRIPTS.map(plain))).join("")}</script>
</html>
`;
