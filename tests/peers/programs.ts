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
  /** The command line that starts it; `dir` is a folder for its files. A program in C is compiled into it first. */
  command(dir: string): string[];
}

const HERE = import.meta.dirname!;
const PYTHON = ["python3", "-B"]; // -B: no __pycache__ beside the sources
const RUNTIME = { Deno: "deno", Bun: "bun", "Node.js": "node" } as const;

const hasC = succeeds("cc", "--version");
const hasPython = succeeds("python3", "--version");
const hasNginx = hasPython && succeeds("nginx", "-v"); // its starter is in Python

/** Compile a program in C, unless that has been done, and say where it is. */
function compiled(dir: string, lesson: Lesson): string {
  const program = `${dir}/${lesson}`;
  if (!binaries.has(program)) {
    const args = ["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, `${HERE}/c/${lesson}.c`];
    const { success, stderr } = new Deno.Command("cc", { args }).outputSync();
    if (!success) throw new Error(`cc ${args.join(" ")}\n${new TextDecoder().decode(stderr)}`);
    binaries.add(program);
  }
  return program;
}
const binaries = new Set<string>();

function inLanguage(model: Lesson, language: Language): Program {
  const program = { model, language, name: `${model} in ${language}`, exact: true };
  if (language === "C") return { ...program, here: hasC, command: (dir) => [compiled(dir, model)] };
  if (language === "CPython") {
    const file = `${HERE}/python/${model.replaceAll("-", "_")}.py`;
    return { ...program, here: hasPython, command: () => [...PYTHON, file] };
  }
  const runtime = RUNTIME[language];
  const command = () => commandLine(model, runtime, { args: ["--port", "0"] });
  return { ...program, runtime, here: RUNTIMES.includes(runtime), command };
}

function ownServer(name: string, language: keyof typeof RUNTIME, file: string, exact: boolean): Program {
  const runtime = RUNTIME[language];
  const command = () => [...COMMANDS[runtime], `${HERE}/servers/${file}`, "0"];
  return { model: "own server", language, name, exact, here: RUNTIMES.includes(runtime), command };
}

/** All of them, those that cannot be started here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((lesson) => LANGUAGES.map((language) => inLanguage(lesson, language))),
  {
    model: "own server",
    language: "C",
    name: "nginx",
    exact: false,
    here: hasNginx,
    command: (dir) => [...PYTHON, `${HERE}/servers/nginx.py`, Deno.makeTempDirSync({ dir })],
  },
  ownServer("Deno.serve", "Deno", "deno-serve.ts", false),
  ownServer("Bun.serve", "Bun", "bun-serve.ts", false),
  ownServer("node:http", "Node.js", "node-http.ts", true),
];
