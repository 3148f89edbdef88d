/** What the lessons need of a JavaScript runtime, and the choice of the one that runs this. */

/** A C type: an `int`; a `size_t` (its lower half); an address, a bigint; a `void *` that a typed array or `null` fills; none. */
export type CType = "i32" | "u32" | "u64" | "buffer" | "void";
/** What a C function returns, and then what it takes. */
export type Signature = readonly [result: CType, ...parameters: CType[]];
/** A C function as JavaScript calls it. */
// deno-lint-ignore no-explicit-any
export type CFunction = (...args: any[]) => any;

/** Everything that differs from runtime to runtime. A file in runtimes/ implements it for each. */
export interface Runtime {
  /** The system and the processor: `"linux"`, …, `"x86_64"` or `"aarch64"`. */
  readonly os: string;
  readonly arch: string;
  /** The script that was started: its path, or its URL if that is no file's. In a thread it may be empty. */
  readonly script: string;
  /** The script's arguments, also in a thread. */
  readonly args: readonly string[];

  /** A C function of a shared library: dlopen(3). Without the permission a sentence says so, and the process ends. */
  dlopen(library: string, name: string, signature: Signature): CFunction;
  /** The `int` at an address, as an array of one element: reading it is one load, not a call. */
  int32At(address: bigint): Int32Array;

  /** Seconds, by a clock that nobody sets: Python's `time.monotonic`. In a thread of Node.js `performance` loads for 0.6 ms. */
  monotonic(): number;
  /** The streams that would wait for the event loop with what is written to them, and their descriptors. */
  streams(): [fd: number, stream: { write: unknown }][];
  /** Call `listener` in the event loop's next turn, among the first things, but after errors that nobody caught. */
  nextTurn(listener: () => void): void;
  /** Call `listener` when this thread (the main one: the process) is about to end, with the exit code and the error. */
  beforeEnd(listener: (code: number, thrown?: { error: unknown }) => void): void;
  /** How to start the engine without helper threads: options to put before others, and variables of the environment. */
  forkable(): { options: string[]; environment: Record<string, string> };

  /** False in a thread made by {@link startThread}. */
  readonly isMainThread: boolean;
  /** How many more OS threads the runtime may need when `count` threads run and one starts. It aborts without them. */
  spareThreads(count: number): number;
  /** Have the permission that a thread needs, as {@link dlopen} does. */
  allowThreads?(): void;
  /**
   * Start a thread with a JavaScript VM of its own, which loads the module at `url`; if that fails, the error is printed.
   * `data` is copied for it (structured clone). `listener` hears the numbers that it tells; `"ended"` comes once, and last.
   */
  startThread(url: string, data: unknown, listener: (event: number | "ended") => void): void;
  /** In a thread: the data that it was started with; tell its creator; end, which the creator hears. */
  threadData(): Promise<unknown>;
  tellCreator(event: number): void;
  endThread(): void;
}

const self = globalThis as { Bun?: { isMainThread: boolean }; onmessage?: unknown };
/** In a thread of Deno or Bun: its data. From the first moment on: a message that comes while nobody listens is lost. */
const data = Promise.withResolvers<unknown>();
if (!self.Bun?.isMainThread) self.onmessage = (message: MessageEvent) => data.resolve(message.data);

/** The runtime that runs this. Only its adapter is loaded. */
export const runtime: Runtime = "Deno" in globalThis
  ? (await import("./runtimes/deno.ts")).deno(data.promise)
  : self.Bun
  ? (await import("./runtimes/bun.ts")).bun(data.promise)
  : (await import("./runtimes/node.ts")).node();
