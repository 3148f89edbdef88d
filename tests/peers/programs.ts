/**
 * Every program that is measured: the lessons under each runtime, the same six models in C and in CPython, and what one
 * takes instead of writing a server. Each listens on a free port of 127.0.0.1 with a backlog of 4096 (Bun.serve: 512)
 * and prints where.
 */
import { COMMANDS, type Lesson, LESSONS, type Runtime, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { commandLine } from "../support/servers.ts";

/** What a program is written in, or runs on. */
export const LANGUAGES = ["C", "CPython", "Deno", "Bun", "Node.js"] as const;
/** One of them. */
export type Language = (typeof LANGUAGES)[number];

/**
 * What a program is: a lesson's model, or a server as others have made it. That may add headers, and close only a
 * connection whose client has asked for it: `Connection: close`.
 */
export const MODELS = [...LESSONS, "own server"] as const;
/** One of them. */
export type Model = (typeof MODELS)[number];

/** The runtime of a language that has one. */
export const RUNTIME: Partial<Record<Language, Runtime>> = { Deno: "deno", Bun: "bun", "Node.js": "node" };

/** A server that can be measured. */
export interface Program {
  readonly model: Model;
  readonly language: Language;
  /** Such as `06-epoll in C`, or `nginx`. */
  readonly name: string;
  /** Whether it can be started here, and the command line that does. */
  readonly here: boolean;
  readonly command: readonly string[];
}

/** For what is compiled, and the files of nginx. */
const FOLDER = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

const HERE = import.meta.dirname!;
const PYTHON = ["python3", "-B"]; // -B: no __pycache__ beside the sources
const COMPILE = ["sh", "-c", 'cc -O2 -Wall -Wextra -pthread -o "$0" "$1" && exec "$0"'];

const python = succeeds("python3", "--version");
const isHere: Record<string, boolean> = {
  C: succeeds("cc", "--version"),
  CPython: python,
  Deno: true,
  Bun: RUNTIMES.includes("bun"),
  "Node.js": RUNTIMES.includes("node"),
  nginx: python && succeeds("nginx", "-v"),
};

function lesson(model: Lesson, language: Language): Program {
  const program = { model, language, name: `${model} in ${language}`, here: isHere[language] };
  const runtime = RUNTIME[language];
  if (runtime) return { ...program, command: commandLine(model, runtime, { args: ["--port", "0"] }) };
  const compiled = [...COMPILE, `${FOLDER}/${model}`, `${HERE}/c/${model}.c`];
  const script = [...PYTHON, `${HERE}/python/${model.replaceAll("-", "_")}.py`];
  return { ...program, command: language === "C" ? compiled : script };
}
const own = (language: Language, name: string, ...command: string[]): Program => (
  { model: "own server", language, name, here: isHere[name] ?? isHere[language], command }
);

/** All of them, those that cannot be started here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((model) => LANGUAGES.map((language) => lesson(model, language))),
  own("C", "nginx", ...PYTHON, `${HERE}/servers/nginx.py`, FOLDER),
  own("Deno", "Deno.serve", ...COMMANDS.deno, `${HERE}/servers/serve.ts`),
  own("Bun", "Bun.serve", ...COMMANDS.bun, `${HERE}/servers/serve.ts`),
  own("Node.js", "node:http", ...COMMANDS.node, `${HERE}/servers/node-http.ts`),
];
