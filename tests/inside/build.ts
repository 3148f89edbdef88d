/** Puts the page together: one file, without a request to anywhere. */
import { stripTypeScriptTypes } from "node:module";
import type { Recording } from "./record.ts";
import { COLORS, SCENE_STYLE } from "./scene.ts";

const here = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));

/** The scripts of the page, each after those that it uses. */
const SCRIPTS = ["../support/trace.ts", "model.ts", "words.ts", "notes.ts", "scene.ts", "page.ts"];

const moduleName = (path: string) => `$${/(\w+)\.ts$/.exec(path)![1]}`;

/** Without types, and each a function that returns what it exports. */
async function script(): Promise<string> {
  const files = await Promise.all(SCRIPTS.map(here));
  return files.map((source, i) => {
    const plain = stripTypeScriptTypes(source).replace(/[ \t]+$/gm, "");
    const exported = [...plain.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
    const body = plain.replace(/^export /gm, "").replace(
      /^import (\{[^}]*\}) from "(.*?)";$/gm,
      (_, names, path) => `const ${names} = ${moduleName(path)};`,
    );
    return `const ${moduleName(SCRIPTS[i])} = (() => {\n${body}\nreturn { ${exported.join(", ")} };\n})();`;
  }).join("\n");
}

/** The page for these runs; a live one has a run that is still empty, and asks its server for more. */
export async function build(
  runs: readonly Pick<Recording, "id" | "runtime" | "file" | "source" | "lines" | "rests">[],
  live = false,
): Promise<string> {
  const parts: Record<string, string> = {
    STYLE: (await here("page.css")).replace("/*LIGHT*/", COLORS.light).replace("/*DARK*/", COLORS.dark)
      .replace("/*SCENE*/", SCENE_STYLE),
    DATA: JSON.stringify({ live, runs }).replaceAll("<", "\\u003c"),
    SCRIPT: (await script()).replaceAll("</script", "<\\/script"),
  };
  return (await here("page.html")).replace(/\/\*(STYLE|DATA|SCRIPT)\*\//g, (_, name) => parts[name]);
}
