/** What the lessons need of a JavaScript runtime. */

/** A C type: `buffer` is a `void *` that a typed array or `null` fills, `u64` is a bigint, an address for example. */
export type CType = "i32" | "u64" | "buffer" | "void";
/** What a C function takes and returns. */
export interface Signature {
  readonly parameters: readonly CType[];
  readonly result: CType;
}
/** A C function as JavaScript calls it. */
// deno-lint-ignore no-explicit-any
export type CFunction = (...args: any[]) => any;

/** What a thread tells its maker: it runs its target; it can't, and why; it has ended, however that came. */
export type ThreadEvent = "started" | { readonly failed: string } | "ended";

/** Everything that differs from runtime to runtime. A file beside this one implements it for each. */
export interface Runtime {
  /** The system: `"linux"`, `"darwin"`, … */
  readonly os: string;
  /** The processor: `"x86_64"`, `"aarch64"`. */
  readonly arch: string;
  /** The script that was started: its path or URL. */
  readonly script: string;
  /** The script's arguments; in a thread they are the same. */
  readonly args: readonly string[];
  /** The user wants no colours: https://no-color.org */
  readonly noColor: boolean;
  /** What stands before a script on the command line, such as `deno run -A`. */
  readonly command: string;
  /** A container image and the command in it that runs a script. */
  readonly container: string;

  /**
   * The C functions of a shared library: dlopen(3), dlsym(3). Throws if there is no such library or function.
   * Where the runtime wants a permission and nobody gives it, one sentence says so and the process ends (1).
   */
  dlopen(library: string, signatures: Readonly<Record<string, Signature>>): Record<string, CFunction>;
  /** The address of a buffer's first byte. It holds while the buffer lives. */
  addressOf(buffer: Uint8Array<ArrayBuffer>): bigint;
  /** The `int` at an address, as an array of one element: reading it is one load, not a call. */
  int32At(address: bigint): Int32Array;

  /** False in a thread made by {@link startThread}. */
  readonly isMainThread: boolean;
  /**
   * So many OS threads the process may still come to need when it has `count` threads of {@link startThread}: one
   * that begins, and helpers. Where one is refused, the runtime aborts the process.
   */
  spareThreads(count: number): number;
  /** Have whatever a thread needs, as {@link dlopen} does. */
  allowThreads(): void;
  /**
   * Start a thread with a JavaScript VM of its own, which runs the module at `url`. `data` is copied for it
   * (structured clone, which it must allow). `listener` hears what it tells; `"ended"` comes once, and last.
   */
  startThread(url: string, data: unknown, listener: (event: ThreadEvent) => void): void;
  /** In a thread: the data that it was started with. */
  threadData(): Promise<unknown>;
  /** In a thread: tell its maker. */
  tellMaker(event: ThreadEvent): void;
  /** End the calling thread, which its maker hears. */
  endThread(): void;

  /**
   * Call `listener` when the calling thread (the main one: the process) is about to end: with an error that nobody
   * caught, or with nothing. Whoever throws `undefined` is told so by an error, too.
   */
  beforeEnd(listener: (error?: unknown) => void): void;
  /** Let the event loop run: what is due of its timers, promises and signal handlers. */
  turn(): Promise<void>;
  /**
   * How this runtime does without helper threads: `options`, which are the words between the program and the
   * script, as they have to be then, and what to set in the environment.
   */
  forkable(options: readonly string[]): { options: string[]; environment: Record<string, string> };
}
