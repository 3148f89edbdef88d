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
  /** Whether it can be started here. */
  readonly here: boolean;
  /** The command line that starts it; `dir` is a folder for its files. */
  command(dir: string): string[];
}

const HERE = import.meta.dirname!;
const PYTHON = ["python3", "-B"]; // -B: no __pycache__ beside the sources
const COMPILE = ["sh", "-c", 'cc -O2 -Wall -Wextra -pthread -o "$0" "$1" && exec "$0"'];

const isHere: Record<Language, boolean> = {
  C: succeeds("cc", "--version"),
  CPython: succeeds("python3", "--version"),
  Deno: true,
  Bun: RUNTIMES.includes("bun"),
  "Node.js": RUNTIMES.includes("node"),
};

function ofLesson(model: Lesson, language: Language): Program {
  const runtime = RUNTIME[language];
  const command = (dir: string) => {
    if (runtime) return commandLine(model, runtime, { args: ["--port", "0"] });
    if (language === "C") return [...COMPILE, `${dir}/${model}`, `${HERE}/c/${model}.c`];
    return [...PYTHON, `${HERE}/python/${model.replaceAll("-", "_")}.py`];
  };
  return { model, language, name: `${model} in ${language}`, here: isHere[language], command };
}

function ofOthers(language: Language, name: string, ...command: readonly string[]): Program {
  return { model: "own server", language, name, here: isHere[language], command: (dir) => [...command, dir] };
}

const nginx = ofOthers("C", "nginx", ...PYTHON, `${HERE}/servers/nginx.py`);
/** All of them, those that cannot be started here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((model) => LANGUAGES.map((language) => ofLesson(model, language))),
  { ...nginx, here: isHere.CPython && succeeds("nginx", "-v") },
  ofOthers("Deno", "Deno.serve", ...COMMANDS.deno, `${HERE}/servers/deno-serve.ts`, "0"),
  ofOthers("Bun", "Bun.serve", ...COMMANDS.bun, `${HERE}/servers/bun-serve.ts`, "0"),
  ofOthers("Node.js", "node:http", ...COMMANDS.node, `${HERE}/servers/node-http.ts`, "0"),
];
