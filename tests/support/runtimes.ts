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
export const ROOT = import.meta.dirname!.replace(/tests\/support$/, "");

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

/** Whether a runtime is here, and new enough: Node.js has `node:ffi` since 26.10, threads end in Bun since 1.4.1. */
const FIT: Record<Runtime, () => boolean> = {
  deno: () => true,
  bun: () => succeeds("bun", "-e", `process.exit(Bun.semver.satisfies(Bun.version, ">=1.4.1") ? 0 : 1)`),
  node: () => succeeds("node", "-e", `process.exit(process.getBuiltinModule?.("node:ffi") ? 0 : 1)`),
};

/** The runtimes that can run the lessons here. */
export const RUNTIMES: readonly Runtime[] = ALL_RUNTIMES.filter((runtime) => FIT[runtime]());
