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

/** A server that can be measured. */
export interface Program {
  readonly model: Model;
  readonly language: Language;
  /** What runs it, if it is a lesson. */
  readonly runtime?: Runtime;
  /** Such as `06-epoll in C`, or `nginx`. */
  readonly name: string;
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
  const program = { model, language, name: `${model} in ${language}` };
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

const ownServer = (name: string, language: keyof typeof RUNTIME, file: string): Program => ({
  model: "own server",
  language,
  name,
  here: RUNTIMES.includes(RUNTIME[language]),
  command: () => [...COMMANDS[RUNTIME[language]], `${HERE}/servers/${file}`, "0"],
});

/** All of them, those that cannot be started here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((lesson) => LANGUAGES.map((language) => inLanguage(lesson, language))),
  {
    model: "own server",
    language: "C",
    name: "nginx",
    here: hasPython && succeeds("nginx", "-v"),
    command: (dir) => [...PYTHON, `${HERE}/servers/nginx.py`, dir],
  },
  ownServer("Deno.serve", "Deno", "deno-serve.ts"),
  ownServer("Bun.serve", "Bun", "bun-serve.ts"),
  ownServer("node:http", "Node.js", "node-http.ts"),
];
