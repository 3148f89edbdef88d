/** Starts lessons as a person would, talks to them over real sockets, and looks at them through /proc. */

import { type CFunction, symbol } from "../shared/runtime.ts";
import type { LoadResult } from "./load.ts";

/** The lessons, by the names of their files. */
export const LESSONS = [
  "01-fork",
  "02-thread",
  "03-thread-pool",
  "04-busy-poll",
  "05-select",
  "06-epoll",
] as const;
/** One of them. */
export type Lesson = (typeof LESSONS)[number];
/** A runtime that the lessons run on. */
export type Runtime = "deno" | "bun";

const ROOT = new URL("..", import.meta.url).pathname;
/** What every lesson answers, once more: a test must not take it from what it tests. */
export const RESPONSE_TEXT = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA";
/** What an ordinary client sends. */
export const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** The command that runs a script under each runtime, or nothing where it is not installed. */
const COMMANDS: Record<Runtime, string[] | undefined> = {
  deno: [Deno.execPath(), "run", "--allow-ffi", "--no-prompt"],
  bun: installed("bun") ? ["bun"] : undefined,
};
/** The runtimes that are installed here. */
export const RUNTIMES = (Object.keys(COMMANDS) as Runtime[]).filter((runtime) => COMMANDS[runtime]);

/** Whether a program can be started here. */
export function installed(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** One test for each lesson and runtime. A runtime that is not installed is skipped, and the report names it. */
export function each(
  name: string,
  lessons: readonly Lesson[],
  test: (lesson: Lesson, runtime: Runtime) => Promise<void>,
  { ignore = false } = {},
): void {
  for (const runtime of Object.keys(COMMANDS) as Runtime[]) {
    for (const lesson of lessons) {
      Deno.test({
        name: `${lesson} on ${runtime}: ${name}`,
        ignore: ignore || !COMMANDS[runtime],
        fn: () => test(lesson, runtime),
      });
    }
  }
}

/** How to start a lesson otherwise than plainly. */
export interface StartOptions {
  /** More arguments for the lesson. */
  args?: string[];
  /** What stands before the command, such as `["prlimit", "--nofile=64"]`. */
  before?: string[];
  /** Another script than the lesson. */
  script?: string;
}

/** A server that runs. It ends with the block that started it (`await using`). */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** The lines it has printed. */
  readonly stdout: string[];
  readonly stderr: string[];
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

/** The command line that runs a lesson. */
export function commandLine(
  lesson: Lesson,
  runtime: Runtime,
  { args = [], before = [], script }: StartOptions = {},
) {
  return [...before, ...COMMANDS[runtime]!, script ?? `lessons/${lesson}.ts`, ...args];
}

/** Start a lesson on a free port, and wait until it says that it listens. */
export async function start(lesson: Lesson, runtime: Runtime, options: StartOptions = {}): Promise<Server> {
  const args = ["--port", "0", ...(options.args ?? [])];
  const [program, ...rest] = commandLine(lesson, runtime, { ...options, args });
  const child = new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  })
    .spawn();
  const stdout: string[] = [];
  const stderr: string[] = [];
  const closed = [collect(child.stdout, stdout), collect(child.stderr, stderr)];
  const server: Server = {
    pid: child.pid,
    port: 0,
    stdout,
    stderr,
    status: child.status,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      for (const pid of [...children(child.pid), child.pid]) {
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // it has ended already
        }
      }
      await child.status;
      await Promise.all(closed);
    },
  };
  try {
    const ended = child.status.then(({ code }) => {
      throw new Error(`${lesson} on ${runtime} ended with ${code}: ${stderr.join("\n")}`);
    });
    ended.catch(() => {});
    const line = await Promise.race([
      waitFor("the first line", () => stdout.find((line) => / http:/.test(line))),
      ended,
    ]);
    return Object.assign(server, { port: Number(/:(\d+)$/.exec(line)![1]) });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function collect(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  }
  if (rest) lines.push(rest);
}

/** Run a lesson to its end: for what it prints and how it exits. */
export async function run(lesson: Lesson, runtime: Runtime, options: StartOptions = {}) {
  const [program, ...args] = commandLine(lesson, runtime, options);
  const command = new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Wait until `probe` finds something, and return that. It fails after 20 s, which no healthy server needs. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | null | Promise<T | undefined | false | null>,
): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const found = await probe();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no sign of ${what} within 20 s`);
}

/** Connect, and leave it at that. */
export function connect(server: Server): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: server.port });
}

/** Send all of it: one write may take a part. */
export async function sendAll(conn: Deno.Conn, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

/** Everything until the end of the stream. A reset throws. */
export async function readAll(conn: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(1024);
  for (let n; (n = await conn.read(buffer)) !== null;) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return text;
}

/** One ordinary client: everything that it was answered. */
export async function get(server: Server, request: string | Uint8Array = REQUEST): Promise<string> {
  using conn = await connect(server);
  await sendAll(conn, request);
  return await readAll(conn);
}

/** `count` clients, `parallel` of them at a time: the answers that were not the right one. */
export async function load(server: Server, count: number, parallel: number): Promise<string[]> {
  const wrong: string[] = [];
  let next = 0;
  const client = async () => {
    while (next++ < count) {
      const answer = await get(server).catch(String);
      if (answer !== RESPONSE_TEXT) wrong.push(answer);
    }
  };
  await Promise.all(Array.from({ length: parallel }, client));
  return wrong;
}

/** Load from a process of its own, as tests/load.ts takes it: until `seconds` are over, or `count` requests are done. */
export async function heavyLoad(
  server: Server,
  clients: number,
  seconds: number,
  count = Infinity,
): Promise<LoadResult> {
  const numbers = [server.port, clients, seconds, count].map(String);
  const { stdout } = await new Deno.Command("prlimit", {
    args: [`--nofile=${clients + 200}`, Deno.execPath(), "run", "--allow-ffi", "tests/load.ts", ...numbers],
    cwd: ROOT,
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The most descriptors that a process here may ask for. */
export const DESCRIPTOR_LIMIT = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(read("/proc/self/limits"))?.[1]);

/** Silent clients, held by a process of their own; they leave when the block ends. */
export async function hold(port: number, count: number): Promise<AsyncDisposable> {
  const args = [
    `--nofile=${count + 200}`,
    Deno.execPath(),
    "run",
    "--allow-ffi",
    "tests/hold.ts",
    `${port}`,
    `${count}`,
  ];
  const child = new Deno.Command("prlimit", { args, cwd: ROOT, stdin: "piped", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  if ((await reader.read()).done) throw new Error(`could not hold ${count} connections`);
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await reader.cancel();
    },
  };
}

/** The threads of a process, each with the number of the system call that it sleeps in, or "running". */
export function tasks(pid: number): { tid: number; name: string; call: string }[] {
  return list(`/proc/${pid}/task`).map((tid) => ({
    tid: Number(tid),
    name: read(`/proc/${pid}/task/${tid}/comm`).trim(),
    call: read(`/proc/${pid}/task/${tid}/syscall`).split(" ")[0].trim(),
  })).filter(({ call }) => call !== "");
}

/** Processes that `pid` has made and not reaped, zombies among them. */
export function children(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((tid) => read(`/proc/${pid}/task/${tid}/children`).split(" "))
    .map(Number).filter((child) => child > 0);
}

/** Whether a process is there and no zombie. */
export function alive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** How many descriptors a process has open. */
export function descriptors(pid: number): number {
  return list(`/proc/${pid}/fd`).length;
}

/** How many sockets a process has open, without the Unix sockets that a runtime makes for itself. */
function sockets(pid: number): number {
  const unix = new Set(read("/proc/net/unix").match(/(?<= )\d+(?= *(?: [/@].*)?$)/gm));
  return list(`/proc/${pid}/fd`).filter((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode !== undefined && !unix.has(inode);
  }).length;
}

/** What a server holds while nobody is connected. */
export function holdings({ pid }: Server) {
  const threads = tasks(pid).filter(({ name }) => /^worker/i.test(name)).length;
  return {
    sockets: sockets(pid),
    descriptors: descriptors(pid),
    threads,
    children: children(pid).filter(alive).length,
  };
}

/** The holdings, once two looks in a row agree: helper threads of the runtime come and go at first. */
export async function settled(server: Server) {
  let last = "";
  return await waitFor("a server at rest", async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = holdings(server);
    const same = JSON.stringify(now) === last;
    last = JSON.stringify(now);
    return same && now;
  });
}

/** CPU time of a process in clock ticks (10 ms), without its children's. */
export function cpuTicks(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * CPU time in seconds of a process with the children that it has reaped. Its own time is exact: the
 * clock of another process is ~pid << 3 | 2 (clock_getcpuclockid(3)); its children's comes in ticks.
 */
export function cpuSeconds(pid: number): number {
  clockGettime ??= symbol("libc.so.6", "clock_gettime", { parameters: ["i32", "buffer"], result: "i32" });
  const time = new BigInt64Array(2);
  clockGettime(~pid << 3 | 2, new Uint8Array(time.buffer));
  const fields = read(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return Number(time[0]) + Number(time[1]) / 1e9 + (Number(fields[13]) + Number(fields[14])) / 100;
}
let clockGettime: CFunction | undefined;

/** Memory of a process in KiB, its share of what it shares with others included: Pss, proc(5). */
export function pssKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** Memory in use, in KiB. */
export function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** What is at a path of /proc, or `nothing` when its process has ended meanwhile. */
function probe<T>(read: (path: string) => T, path: string, nothing: T): T {
  try {
    return read(path);
  } catch {
    return nothing;
  }
}
function list(path: string): string[] {
  return probe((path) => [...Deno.readDirSync(path)].map(({ name }) => name), path, []);
}
function readLink(path: string): string {
  return probe(Deno.readLinkSync, path, "");
}
function read(path: string): string {
  return probe(Deno.readTextFileSync, path, "");
}

/** System calls by number, as /proc/PID/syscall gives them: asm/unistd_64.h, asm-generic/unistd.h. */
export const SYSCALL = Deno.build.arch === "x86_64"
  ? { accept: ["43"], recv: ["45"], select: ["23", "270"], epoll_wait: ["232", "281"] }
  : { accept: ["202"], recv: ["207"], select: ["72"], epoll_wait: ["22"] };
