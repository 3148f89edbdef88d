/** Puts the page together: one file, without a request to anywhere. */
import { stripTypeScriptTypes } from "node:module";
import type { Recording } from "./record.ts";

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));

/** The scripts of the page, each after those that it uses. */
const SCRIPTS = ["words.json", "../support/trace_lines.ts", "model.ts", "words.ts", "scene.ts", "page.ts"];

/** Without types, and each a function that returns what it exports. */
async function bundle(path: string): Promise<string> {
  const name = path.replace(/\W/g, "_");
  if (path.endsWith(".json")) return `const ${name} = ${await read(path)};`;
  const plain = stripTypeScriptTypes(await read(path)).replace(/[ \t]+$/gm, "");
  const exported = [...plain.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
  const body = plain.replace(/^export /gm, "").replace(
    /^import ([^;]*) from "(?:\.\/)?(.*?)".*;$/gm,
    (_, names, from) => `const ${names} = ${from.replace(/\W/g, "_")};`,
  );
  return `const ${name} = (() => {\n${body}\nreturn { ${exported.join(", ")} };\n})();`;
}

/** A run of which the page can be made. */
export type Run = Pick<Recording, "id" | "runtime" | "file" | "source" | "lines" | "rests">;

/** The page for these runs; a live one has a run that is still empty, and asks its server for more. */
export async function build(runs: readonly Run[], live = false): Promise<string> {
  const parts: Record<string, string> = {
    STYLE: await read("scene.css") + await read("page.css"),
    DATA: JSON.stringify({ live, runs }).replaceAll("<", "\\u003c"),
    SCRIPT: (await Promise.all(SCRIPTS.map(bundle))).join("\n").replaceAll("</script", "<\\/script"),
  };
  return (await read("page.html")).replace(/\/\*(STYLE|DATA|SCRIPT)\*\//g, (_, name) => parts[name]);
}
