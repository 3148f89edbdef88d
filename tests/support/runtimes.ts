/** The lessons, the runtimes that can run them here, and the command that does. */

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

/** The runtimes that the lessons are written for. */
export const ALL_RUNTIMES = ["deno", "bun", "node"] as const;
/** One of them. */
export type Runtime = (typeof ALL_RUNTIMES)[number];

/** Where the project is. */
export const ROOT = new URL("../..", import.meta.url).pathname;

/** What runs a script under each runtime. */
export const COMMANDS: Record<Runtime, readonly string[]> = {
  deno: [Deno.execPath(), "run", "-A", "--no-prompt"],
  bun: ["bun"],
  node: ["node"],
};

/** Whether this command can be run here, and succeeds. */
export function succeeds(program: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Node.js has a foreign function interface since 26.10. */
const NODE_HAS_FFI = `process.exit(process.getBuiltinModule?.("node:ffi") ? 0 : 1)`;

/** The runtimes that are installed here. */
export const RUNTIMES: readonly Runtime[] = ALL_RUNTIMES.filter((runtime) =>
  runtime === "deno" ||
  (runtime === "bun" ? succeeds("bun", "--version") : succeeds("node", "-e", NODE_HAS_FFI))
);
