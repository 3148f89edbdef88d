/**
 * Threads, with the names of Python's `threading`. A thread of JavaScript is a
 * Worker: an OS thread of this process, with its descriptors, but with a VM
 * and variables of its own. It loads the lesson's file anew and calls one
 * exported function of it.
 */
import { cstring, libc, readFile, warn } from "./libc.ts";
import { args, endWorker, isMainThread, runtime, startWorker } from "./runtime.ts";

export { isMainThread };

/** What {@link Thread} takes. */
export interface ThreadOptions {
  /** The lesson's `import.meta.url`. */
  readonly module: string;
  /** A function that the lesson exports under its own name; the thread runs it and ends. */
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
   * Start it, and wait until it runs. False: the system can make no further
   * thread, not within a second (one line on standard error says so). While it is awaited, the
   * runtime also clears away the threads that have ended, which it cannot do
   * while accept(2) blocks.
   */
  async start(): Promise<boolean> {
    let refused = noRoom();
    for (let i = 0; refused && i < 100; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10)); // ended threads make room meanwhile
      refused = noRoom();
    }
    if (refused) {
      warn(`can't start new thread: ${refused}`);
      return false;
    }
    const { module, target, args: numbers } = this.#options;
    const trace = args.includes("--trace") ? [`--trace=${performance.timeOrigin},${++count}`] : [];
    let worker: Worker;
    try {
      worker = startWorker(loadable(module), [
        loadable(module),
        target.name,
        ...numbers.map(String),
        ...trace,
      ]);
    } catch (error) {
      warn(`can't start new thread: ${error}`);
      return false;
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#ended = ended;
    return await new Promise((resolve) => {
      worker.onmessage = ({ data }) => data === "started" ? resolve(true) : end();
      worker.onerror = (event) => {
        event.preventDefault(); // it would end the other threads too
        console.error(`thread: ${event.message}`);
        resolve(false);
        end();
      };
    });
  }

  /** Wait until the thread has ended. */
  async join(): Promise<void> {
    await this.#ended;
  }
}

/** Threads count from 1, for the trace. */
let count = 0;

/** A thread that starts needs up to so many descriptors and helper threads of the runtime's. */
const SPARE_DESCRIPTORS = 24;
const SPARE_THREADS = 4;

/**
 * Why no thread can be made now, or nothing if one can. Both runtimes end the
 * whole process when they find that out in the middle of making one (Deno: "too many open
 * files", "unable to create worker threads"). So take as much as it needs, and
 * give it back.
 */
function noRoom(): string | undefined {
  const fds: number[] = [];
  for (let fd; fds.length < SPARE_DESCRIPTORS && (fd = libc.dup(0)) !== -1;) fds.push(fd);
  for (const fd of fds) libc.close(fd);
  if (fds.length < SPARE_DESCRIPTORS) return "too few descriptors are left";

  // Threads that only sleep for a moment.
  usleep ??= libc.dlsym(0n, cstring("usleep"));
  const handles = Array.from({ length: SPARE_THREADS }, () => new Uint8Array(8));
  const made = handles.filter((handle) => libc.pthread_create(handle, null, usleep!, 100n) === 0);
  for (const handle of made) libc.pthread_join(new BigUint64Array(handle.buffer)[0], null);
  if (made.length < SPARE_THREADS) return "the system makes no more of them";
}
let usleep: bigint | undefined;

/** The specifier of an import from a relative path, static or dynamic. */
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

/** In a thread: the lesson is just being loaded. When it is, call the function that the thread was made for. */
if (!isMainThread) {
  const [module, target, ...numbers] = args.filter((arg) => !arg.startsWith("--trace"));
  import(module).then((lesson) => {
    postMessage("started");
    lesson[target](...numbers.map(Number));
  }).catch(console.error).finally(() => {
    postMessage("ended");
    endWorker();
  });
}
