/**
 * Threads, with the names of Python's `threading`. A thread of JavaScript is a
 * Worker: an OS thread of this process, with its descriptors, but with a VM
 * and variables of its own. It loads the lesson's file anew and calls one
 * exported function of it.
 */
import { warn } from "./libc.ts";
import { readFile } from "./process.ts";
import { args, isMainThread, runtime, startWorker } from "./runtime.ts";

export { isMainThread };

/** What {@link Thread} takes. */
export interface ThreadOptions {
  /** The lesson's `import.meta.url`. */
  readonly module: string;
  /** A function that the lesson exports; the thread runs it and ends. */
  readonly target: (...args: number[]) => void;
  /** Its arguments: numbers such as descriptors, the one thing that threads share here. */
  readonly args: readonly number[];
}

/** A thread of this process: pthreads(7). */
export class Thread {
  readonly #options: ThreadOptions;
  #ended: Promise<void> | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /**
   * Start it. False: the system can make no further thread now (one line on
   * standard error says so). Await it: that lets the runtime clear away the threads
   * that have ended meanwhile, which it cannot while accept(2) blocks.
   */
  async start(): Promise<boolean> {
    const { module, target, args: numbers } = this.#options;
    let worker: Worker;
    try {
      worker = startWorker(loadable(import.meta.resolve("./worker.ts")), [
        loadable(module),
        target.name,
        ...numbers.map(String),
        ...(args.includes("--trace") ? [`--trace=${traceOrigin},${++threads}`] : []),
      ]);
    } catch (error) {
      warn(`can't start new thread (${error})`);
      return false;
    }
    this.#ended = new Promise((resolve) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        console.error(`thread: ${event.message}`);
        resolve();
      };
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    return true;
  }

  /** Wait until the thread has ended. */
  async join(): Promise<void> {
    await this.#ended;
  }
}

/** For the trace: threads count from 1, and their clocks go on from the main thread's. */
let threads = 0;
const traceOrigin = performance.timeOrigin;

/** A relative module in `from "./…"` or `import("./…")`. */
const IMPORT = /((?:from |import\()")(\.\.?\/[^"]+)(?=")/g;
const blobs = new Map<string, string>();

/**
 * A URL from which a Worker may load a module. Bun takes the file's own. Deno
 * wants `--allow-read` for that, but not for a blob: so read the source over
 * libc, and do the same with what it imports.
 */
function loadable(url: string): string {
  if (runtime === "bun") return url;
  const known = blobs.get(url);
  if (known) return known;
  const source = readFile(decodeURIComponent(new URL(url).pathname))
    .replace(/^import type [^;]*;$/gm, "")
    .replace(IMPORT, (_, before, path) => before + loadable(new URL(path, url).href));
  const blob = URL.createObjectURL(new Blob([source], { type: "application/typescript" }));
  blobs.set(url, blob);
  return blob;
}
