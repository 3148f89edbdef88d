/**
 * The peers: the same six models in C and in CPython, and what one takes instead of writing a server.
 * Each listens on 127.0.0.1 with a backlog of 4096 and prints where, as a lesson does.
 */
import { type Lesson, LESSONS, succeeds } from "../support/runtimes.ts";

/** A program that a lesson is measured against. */
export interface Peer {
  /** What it is called in tables, such as `06-epoll in C`. */
  readonly name: string;
  /** The lesson whose model it has, or `server`: one of its makers' choice. */
  readonly model: Lesson | "server";
  /** What it is written in, or runs on. */
  readonly language: "C" | "CPython" | "Deno" | "Bun" | "Node.js" | "nginx";
  /**
   * Whether it answers every request with the lessons' 58 bytes, and closes. Otherwise it adds headers, and
   * may close only a connection whose client has asked for that: `Connection: close`.
   */
  readonly exact: boolean;
  /** Why it cannot be started here, or nothing if it can. */
  leftOut(): string | undefined;
  /**
   * The command line that starts it on `port`; 0 takes a free one. `dir` is a folder for what it needs: a
   * program in C is compiled into it the first time.
   */
  command(dir: string, port: number): string[];
}

const HERE = import.meta.dirname!;

const noC = () => succeeds("cc", "--version") ? undefined : "no C compiler (cc)";
const noPython = () =>
  succeeds("python3", "-c", "import sys; sys.exit(sys.version_info < (3, 9))")
    ? undefined
    : "no python3 from 3.9 on";
const noBun = () => succeeds("bun", "--version") ? undefined : "no bun";
// Where there is no Node.js, Deno puts a `node` on the PATH that is Deno.
const noNode = () =>
  succeeds("node", "-e", "process.exit(process.features.typescript && !process.versions.deno ? 0 : 1)")
    ? undefined
    : "no node that runs TypeScript";
const noNginx = () => succeeds("nginx", "-v") ? noPython() : "no nginx"; // its starter is in Python

/** Compile a program in C, unless that has been done, and say where it is. */
function compiled(dir: string, lesson: Lesson): string {
  const program = `${dir}/${lesson}`;
  if (!programs.has(program)) {
    const args = ["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, `${HERE}/c/${lesson}.c`];
    const { success, stderr } = new Deno.Command("cc", { args }).outputSync();
    if (!success) throw new Error(`cc ${args.join(" ")}\n${new TextDecoder().decode(stderr)}`);
    programs.add(program);
  }
  return program;
}
const programs = new Set<string>();

const inC = (lesson: Lesson): Peer => ({
  name: `${lesson} in C`,
  model: lesson,
  language: "C",
  exact: true,
  leftOut: noC,
  command: (dir, port) => [compiled(dir, lesson), `${port}`],
});

const inPython = (lesson: Lesson): Peer => ({
  name: `${lesson} in CPython`,
  model: lesson,
  language: "CPython",
  exact: true,
  leftOut: noPython,
  // -B: no __pycache__ beside the sources
  command: (_dir, port) => ["python3", "-B", `${HERE}/python/${lesson.replaceAll("-", "_")}.py`, `${port}`],
});

/** The peers, those that are left out here among them. */
export const PEERS: readonly Peer[] = [
  ...LESSONS.map(inC),
  ...LESSONS.map(inPython),
  {
    name: "Deno.serve",
    model: "server",
    language: "Deno",
    exact: false,
    leftOut: () => undefined,
    command: (_dir, port) => [
      Deno.execPath(),
      "run",
      "--allow-net=127.0.0.1",
      `${HERE}/servers/deno-serve.ts`,
      `${port}`,
    ],
  },
  {
    name: "Bun.serve",
    model: "server",
    language: "Bun",
    exact: false,
    leftOut: noBun,
    command: (_dir, port) => ["bun", `${HERE}/servers/bun-serve.ts`, `${port}`],
  },
  {
    name: "node:http",
    model: "server",
    language: "Node.js",
    exact: true,
    leftOut: noNode,
    command: (_dir, port) => ["node", `${HERE}/servers/node-http.ts`, `${port}`],
  },
  {
    name: "node:net",
    model: "server",
    language: "Node.js",
    exact: true,
    leftOut: noNode,
    command: (_dir, port) => ["node", `${HERE}/servers/node-net.ts`, `${port}`],
  },
  {
    name: "nginx",
    model: "server",
    language: "nginx",
    exact: false,
    leftOut: noNginx,
    command: (dir, port) => [
      "python3",
      `${HERE}/servers/nginx.py`,
      `${port}`,
      Deno.makeTempDirSync({ dir, prefix: "nginx-" }),
    ],
  },
];
