/**
 * Every program that is measured: the lessons under each runtime, the same six models in C and in CPython, and what one
 * takes instead of writing a server. Each listens on a free port of 127.0.0.1 with a backlog of 4096 (Bun.serve: 512)
 * and prints where.
 */
import { ALL_RUNTIMES, COMMANDS, type Lesson, LESSONS, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { commandLine } from "../support/servers.ts";

/** What a program is written in, or runs on. */
export const LANGUAGES = ["C", "CPython", "Deno", "Bun", "Node.js"] as const;
/** One of them. */
export type Language = (typeof LANGUAGES)[number];

/** The rows of the matrix: the lessons, and a server of its makers' own choice. */
export const MODELS = [...LESSONS, "own server"] as const;
/** One of them. */
export type Model = (typeof MODELS)[number];

/** A server that can be measured. */
export interface Program {
  readonly model: Model;
  readonly language: Language;
  /** Such as `06-epoll in C`, or `nginx`. */
  readonly name: string;
  /**
   * Whether it answers every request with the lessons' 58 bytes, and closes. Otherwise it adds headers, and
   * may close only a connection whose client has asked for that: `Connection: close`.
   */
  readonly exact: boolean;
  /** Why it cannot be started here, or nothing if it can. */
  readonly absent: string | undefined;
  /** The command line that starts it. A program in C is compiled into the folder `dir` the first time. */
  command(dir: string): string[];
}

const HERE = import.meta.dirname!;

const python = ["python3", "-B"]; // -B: no __pycache__ beside the sources
const [deno, bun, node] = ALL_RUNTIMES;
const absent: Record<Language | "nginx", string | undefined> = {
  C: succeeds("cc", "--version") ? undefined : "no C compiler (cc)",
  CPython: succeeds("python3", "-c", "import sys; sys.exit(sys.version_info < (3, 8))")
    ? undefined
    : "no python3 from 3.8 on",
  Deno: undefined,
  Bun: RUNTIMES.includes(bun) ? undefined : "no bun that runs the lessons",
  "Node.js": RUNTIMES.includes(node) ? undefined : "no node that runs the lessons",
  nginx: succeeds("nginx", "-v") ? undefined : "no nginx",
};
/** What each runtime is called. */
export const NAMES = { deno: "Deno", bun: "Bun", node: "Node.js" } as const;

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

const inModel = (
  model: Lesson,
  language: Language,
  command: Program["command"],
): Program => ({
  model,
  language,
  name: `${model} in ${language}`,
  exact: true,
  absent: absent[language],
  command,
});

const own = (
  name: string,
  language: Language,
  exact: boolean,
  command: Program["command"],
): Program => ({ model: "own server", language, name, exact, absent: absent[language], command });

/** All of them, those that are absent here too. */
export const PROGRAMS: readonly Program[] = [
  ...LESSONS.flatMap((lesson) => [
    inModel(lesson, "C", (dir) => [compiled(dir, lesson)]),
    inModel(lesson, "CPython", () => [...python, `${HERE}/python/${lesson.replaceAll("-", "_")}.py`]),
    ...ALL_RUNTIMES.map((runtime) =>
      inModel(lesson, NAMES[runtime], () => commandLine(lesson, runtime, { args: ["--port", "0"] }))
    ),
  ]),
  {
    ...own("nginx", "C", false, (dir) => [
      ...python,
      `${HERE}/servers/nginx.py`,
      Deno.makeTempDirSync({ dir, prefix: "nginx-" }),
    ]),
    absent: absent.nginx ?? absent.CPython, // its starter is in Python
  },
  own("Deno.serve", "Deno", false, () => [...COMMANDS[deno], `${HERE}/servers/deno-serve.ts`, "0"]),
  own("Bun.serve", "Bun", false, () => [...COMMANDS[bun], `${HERE}/servers/bun-serve.ts`, "0"]),
  own("node:http", "Node.js", true, () => [...COMMANDS[node], `${HERE}/servers/node-http.ts`, "0"]),
];
