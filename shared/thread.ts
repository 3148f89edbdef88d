/**
 * Threads, with the names of Python's `threading`. A thread of JavaScript is an OS thread of this process, with its
 * descriptors, but with a VM and variables of its own. It loads the lesson's file anew (thread_main.ts) and
 * calls one exported function of it.
 */
import { cstring, open } from "./libc.ts";
import { runtime } from "./runtime.ts";
import type { ThreadEvent } from "./runtimes/interface.ts";
import { Socket, type SocketState } from "./socket.ts";
import { warn } from "./stderr.ts";

const libc = open({
  dup: { parameters: ["i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});
const dl = open({ dlsym: { parameters: ["u64", "buffer"], result: "u64" } }, "libdl.so.2");
const pthreads = open({
  pthread_create: { parameters: ["buffer", "buffer", "u64", "u64"], result: "i32" },
  pthread_join: { parameters: ["u64", "buffer"], result: "i32" },
  sem_init: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  sem_post: { parameters: ["buffer"], result: "i32" },
}, "libpthread.so.0");

/** False in a thread: it loads the lesson's file too, but must not start a server again. */
export const isMainThread: boolean = runtime.isMainThread;
if (isMainThread) runtime.allowThreads(); // now, in the terminal, and not when the first client waits

const trace = runtime.args.includes("--trace") ? await import("./trace.ts") : undefined;

/** What {@link Thread} takes. */
// deno-lint-ignore no-explicit-any
export interface ThreadOptions<A extends any[]> {
  /** The lesson's `import.meta.url`. */
  readonly module: string;
  /** A function that the lesson exports under its own name; the thread runs it and ends. */
  readonly target: (...args: A) => void | Promise<void>;
  /**
   * Its arguments. A `Socket` arrives as one over the same descriptor; of everything else the thread gets a copy
   * (structured clone), but for a SharedArrayBuffer, which is shared.
   */
  readonly args: NoInfer<A>;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly number: number;
  /** When the thread that made it began, ms since 1970. */
  readonly origin: number;
  readonly module: string;
  readonly target: string;
  /** The thread writes its gettid(2) here: shared memory. */
  readonly tid: Int32Array;
  readonly args: readonly ({ readonly value: unknown } | { readonly socket: SocketState })[];
}

/** A thread of this process: pthreads(7). */
// deno-lint-ignore no-explicit-any
export class Thread<A extends any[]> {
  readonly #options: ThreadOptions<A>;
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: ThreadOptions<A>) {
    this.#options = options;
  }

  /**
   * Start it, and wait until it runs. False: the system can make no further
   * thread, not within a second (one line on standard error says so). While it is awaited, the
   * runtime also clears away the threads that have ended, which it cannot do
   * while accept(2) blocks. Throws if the lesson's file does not load in a thread, or exports no such function.
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
    const { module, target, args } = this.#options;
    const data: ThreadData = {
      number: ++count,
      origin: performance.timeOrigin,
      module,
      target: target.name,
      tid: new Int32Array(new SharedArrayBuffer(4)),
      args: args.map((value) => {
        if (value instanceof Socket) return { socket: value.state() };
        if (holdsSocket(value)) {
          throw new TypeError("a Socket arrives in a thread only as an argument by itself");
        }
        return { value };
      }),
    };
    try {
      structuredClone(data); // before there is a thread that would wait for it for ever
    } catch (error) { // DataCloneError
      throw new Error(
        `thread ${data.number}: its arguments are copied for it, and one cannot be: ${
          (error as Error).message
        }`,
      );
    }
    const created = trace?.creatingThread(data.number);
    const begun = await new Promise<ThreadEvent>((resolve) =>
      runtime.startThread(new URL("./thread_main.ts", import.meta.url).href, data, (event) => {
        if (event === "ended") this.#ended.resolve();
        resolve(event); // the first one counts
      })
    );
    if (begun === "started") {
      running.add(this);
      created?.(data.tid[0]);
      this.#ended.promise.then(() => running.delete(this));
      return true;
    }
    throw new Error(
      `thread ${data.number}: ${begun === "ended" ? "it ended before its target ran" : begun.failed}`,
    );
  }

  /** Wait until the thread has ended. */
  async join(): Promise<void> {
    await this.#ended.promise;
  }
}

/** A Socket in an array or an object would be copied, and a copy has no methods. */
const holdsSocket = (value: unknown) =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value) &&
  Object.values(value).some((part) => part instanceof Socket);

/** The threads that this one has started, while they run. */
// deno-lint-ignore no-explicit-any
const running = new Set<Thread<any>>();

/** Wait for all of them. A thread that ends before would take them along, whatever they are at: for thread_main.ts. */
export async function joinAll(): Promise<void> {
  for (const thread of running) await thread.join();
}

/** Threads count from 1. */
let count = 0;

/** A thread that starts needs up to so many descriptors. */
const SPARE_DESCRIPTORS = 24;

/** So many threads at once have been found room for, with what they make while they end. */
let proven = 0;
/** So many were too many, at this time (ms, of performance.now()). */
let tooMany = { count: Infinity, at: 0, reason: "" };

/**
 * Why no thread can be made now, or nothing if one can. The runtimes abort the
 * whole process when they find that out in the middle of making one ("too many open
 * files", "unable to create worker threads"). So take as much as it needs, and
 * give it back. Where that was refused it is tried again when fewer threads run, or a second later:
 * whoever needs a descriptor or a thread meanwhile finds none.
 */
function noRoom(): string | undefined {
  if (running.size >= tooMany.count && performance.now() < tooMany.at + 1000) return tooMany.reason;
  const reason = noDescriptors() ?? noThreads();
  if (reason) tooMany = { count: running.size, at: performance.now(), reason };
  else proven = Math.max(proven, running.size + 1);
  return reason;
}

function noDescriptors(): string | undefined {
  const fds: number[] = [];
  for (let fd; fds.length < SPARE_DESCRIPTORS && (fd = libc.dup(0)) !== -1;) fds.push(fd);
  for (const fd of fds) libc.close(fd);
  if (fds.length < SPARE_DESCRIPTORS) return "too few descriptors are left";
}

function noThreads(): string | undefined {
  const spare = runtime.spareThreads(running.size < proven ? 0 : running.size);
  semWait ??= dl.dlsym(0n, cstring("sem_wait"));
  pthreads.sem_init(semaphore, 0, 0);
  const made: BigUint64Array<ArrayBuffer>[] = [];
  while (made.length < spare) { // each waits until all of them are there
    const handle = new BigUint64Array(1);
    const thread = new Uint8Array(handle.buffer);
    if (pthreads.pthread_create(thread, null, semWait, runtime.addressOf(semaphore)) !== 0) break;
    made.push(handle);
  }
  for (const _ of made) pthreads.sem_post(semaphore);
  for (const [handle] of made) pthreads.pthread_join(handle, null);
  if (made.length < spare) return "the system makes no more of them";
}
let semWait: bigint | undefined;
/** A `sem_t` has 32 bytes, in glibc and in musl. */
const semaphore = new Uint8Array(32);
