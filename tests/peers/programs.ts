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

/** What a program is: a lesson's model, or a server as others have made it. */
export const MODELS = [...LESSONS, "own server"] as const;
/** One of them. */
export type Model = (typeof MODELS)[number];

/** A server that can be measured. */
export interface Program {
  readonly model: Model;
  readonly language: Language;
  /** What runs it, if it is a lesson. */
  readonly runtime?: Runtime;
  /** Such as `06-epoll in C`, or `nginx`. */
  readonly name: string;
  /**
   * Whether it answers with the lessons' 58 bytes, and closes. Otherwise it adds headers, and may close only a
   * connection whose client has asked for that: `Connection: close`.
   */
  readonly exact: boolean;
  /** Whether it can be started here. */
  readonly here: boolean;
  /** The command line that starts it; `dir` is a folder for its files. */
  command(dir: string): string[];
}

const HERE = import.meta.dirname!;
const PYTHON = ["python3", "-B"]; // -B: no __pycache__ beside the sources
const COMPILE = ["sh", "-c", 'cc -O2 -Wall -Wextra -pthread -o "$0" "$1" && exec "$0"'];
const RUNTIME = { Deno: "deno", Bun: "bun", "Node.js": "node" } as const;

const hasC = succeeds("cc", "--version");
const hasPython = succeeds("python3", "--version");

function inLanguage(model: Lesson, language: Language): Program {
  const program = { model, language, name: `${model} in ${language}`, exact: true };
  if (language === "C") {
    const command = (dir: string) => [...COMPILE, `${dir}/${model}`, `${HERE}/c/${model}.c`];
    return { ...program, here: hasC, command };
  }
  if (language === "CPython") {
    const file = `${HERE}/python/${model.replaceAll("-", "_")}.py`;
    return { ...program, here: hasPython, command: () => [...PYTHON, file] };
  }
  const runtime = RUNTIME[language];
  const command = () => commandLine(model, runtime, { args: ["--port", "0"] });
  return { ...program, runtime, here: RUNTIMES.includes(runtime), command };
}

const own = { model: "own server", exact: false } as const;
const script = (language: keyof typeof RUNTIME, file: string) => ({
  language,
  here: RUNTIMES.includes(RUNTIME[language]),
  command: () => [...COMMANDS[RUNTIME[language]], `${HERE}/servers/${file}`, "0"],
});

/** All of them, those that cannot be started here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((lesson) => LANGUAGES.map((language) => inLanguage(lesson, language))),
  {
    ...own,
    language: "C",
    name: "nginx",
    here: hasPython && succeeds("nginx", "-v"),
    command: (dir) => [...PYTHON, `${HERE}/servers/nginx.py`, dir],
  },
  { ...own, name: "Deno.serve", ...script("Deno", "deno-serve.ts") },
  { ...own, name: "Bun.serve", ...script("Bun", "bun-serve.ts") },
  { ...own, name: "node:http", ...script("Node.js", "node-http.ts"), exact: true },
];
