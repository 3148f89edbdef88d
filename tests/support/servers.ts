/** Starts lessons, and other servers, as a person would, and reads what they print. */
import { alive, probe, tree } from "./proc.ts";
import { COMMANDS, type Lesson, ROOT, type Runtime } from "./runtimes.ts";
import { inTime, MINUTE, until } from "./wait.ts";

/** How to start a lesson otherwise than plainly. */
export interface StartOptions {
  /** More arguments for the lesson. */
  args?: readonly string[];
  /** What stands before the command, such as what {@link descriptorsAtMost} gives. */
  before?: readonly string[];
  /** Another command than the runtime's. */
  command?: readonly string[];
  /** Another script than the lesson. */
  script?: string;
}

/** A server that runs; `stdout` and `stderr` are the lines that it has printed. It ends with its block (`await using`). */
export type Server = Awaited<ReturnType<typeof startServer>>;

/** Else an error has colours, in a pipe too. */
const NO_COLORS = { NO_COLOR: "1" };

/** A lesson needs no more permissions; a reader's copy may. */
const PERMITTED = [Deno.execPath(), "run", "--allow-ffi", "--allow-read", "--no-prompt"];

/** The command line that runs a lesson. */
export function commandLine(lesson: Lesson, runtime: Runtime, options: StartOptions = {}): string[] {
  const { args = [], before = [], script = `lessons/${lesson}.ts` } = options;
  const command = options.command ?? (runtime === "deno" && !options.script ? PERMITTED : COMMANDS[runtime]);
  return [...before, ...command, script, ...args];
}

/** For `before`: the command that follows may have so many descriptors at most. */
export function descriptorsAtMost(count: number): string[] {
  return ["sh", "-c", 'ulimit -n "$0" && exec "$@"', `${count}`];
}

/** Start a lesson on a free port, and wait until it says that it listens. */
export function start(lesson: Lesson, runtime: Runtime, options: StartOptions = {}): Promise<Server> {
  const args = ["--port", "0", ...(options.args ?? [])];
  return startServer(`${lesson} on ${runtime}`, commandLine(lesson, runtime, { ...options, args }));
}

/** Start a server that prints `http://ADDRESS:PORT` in its first lines when it listens. */
export async function startServer(name: string, [program, ...args]: readonly string[]) {
  const piped = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { args, cwd: ROOT, env: NO_COLORS, ...piped }).spawn();
  const { pid, status } = child;
  const [stdout, stderr]: string[][] = [[], []];
  const closed = Promise.all([collect(child.stdout, stdout), collect(child.stderr, stderr)]);
  const stop = async () => {
    for (const process of tree(pid)) probe(() => Deno.kill(process, "SIGKILL"), undefined);
    await status;
    await closed;
  };
  try {
    const port = await until(async () => {
      const over = !alive(pid) && await closed;
      const port = /(?<= http:.*:)\d+(?=\/?$)/m.exec(stdout.join("\n"))?.[0];
      if (!port && over) throw new Error(`${name} has ended`);
      return Number(port);
    }, `the first line of ${name}`);
    const kill = (signal: Deno.Signal) => child.kill(signal);
    return { pid, port, stdout, stderr, status, kill, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw new Error(stderr.join("\n"), { cause: error });
  }
}

/** The lines of a stream, as they come. */
async function collect(stream: ReadableStream<BufferSource>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  }
  if (rest) lines.push(rest);
}

/** Wait until a server's standard error, from a line on, says this. What it says instead is quoted. */
export async function says({ stderr }: Server, pattern: RegExp, from = 0): Promise<void> {
  const text = () => stderr.slice(from).join("\n");
  await until(() => pattern.test(text())).catch(() => {
    throw new Error(`not ${pattern}:\n${text()}`);
  });
}

/** The code that a server ends with, by itself. */
export const ended = async ({ status }: Server) => (await inTime("its end", status)).code;

/** Run a command to its end, which comes within a minute: how it exits, and what it prints. */
export async function output([program, ...args]: readonly string[]) {
  const limits = { stdin: "null", signal: AbortSignal.timeout(MINUTE) } as const;
  const command = new Deno.Command(program, { args, cwd: ROOT, env: NO_COLORS, ...limits });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Run a lesson to its end. */
export const run = (lesson: Lesson, runtime: Runtime, options: StartOptions = {}) =>
  output(commandLine(lesson, runtime, options));
