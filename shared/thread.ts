/**
 * Threads, with the names of Python's `threading`. Each is an OS thread of this process, with its descriptors, but with a
 * JavaScript VM and variables of its own. It loads this file, which loads the lesson and calls the target.
 */
import { bare, cstring, tracing } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { Socket, type SocketState } from "./socket.ts";
import { warn } from "./stdio.ts";

const trace = tracing ? await import("./trace.ts") : undefined;

/** False in a thread: it loads the lesson's file too, but must not start a server again. */
export const isMainThread: boolean = runtime.isMainThread;
if (isMainThread) runtime.allowThreads?.(); // now, in the terminal, and not when the first client waits
else runtime.threadData().then((data) => main(...data as Parameters<typeof main>));

/** What a thread is made of. */
export interface ThreadOptions<A extends unknown[]> {
  /** The lesson's `import.meta.url`. */
  readonly module: string;
  /** A function that the lesson exports under its own name; the thread runs it and ends. */
  readonly target: (...args: A) => void | Promise<void>;
  /** Its arguments. A connection is the thread's from then on; a SharedArrayBuffer is shared; others are copied. */
  readonly args: NoInfer<A>;
}

/** One of them on its way: a copy, or the descriptor of a Socket. */
type Argument = { readonly value: unknown } | { readonly socket: [number, SocketState] };

let count = 0;
/** The ends of the threads that this one has started, and that run. */
const running = new Set<Promise<void>>();

/** A thread of this process: pthreads(7). */
export class Thread<A extends unknown[]> {
  readonly #options: ThreadOptions<A>;
  #started = false;
  readonly #ended = Promise.withResolvers<void>();

  /** TypeError: that is not what a thread is made of, or one of its arguments cannot be copied. */
  constructor(options: ThreadOptions<A>) {
    const { module, target, args } = Object(options);
    if (typeof module !== "string" || typeof target !== "function" || !Array.isArray(args)) {
      throw new TypeError("Thread takes { module: import.meta.url, target: handler, args: [conn] }");
    }
    try {
      structuredClone(args.filter((value, i) => !(value instanceof Socket && args.indexOf(value) === i)));
    } catch (cause) { // DataCloneError
      throw new TypeError("a thread gets copies of its args, or a Socket among them, once", { cause });
    }
    this.#options = options;
  }

  /**
   * Start it, and wait until its target runs. False: no thread could be made within about a second, and a line on standard
   * error says why. Error: it was started before, or the lesson exports no such function. Meanwhile the runtime clears
   * away threads that have ended, which it cannot do while accept(2) blocks.
   */
  async start(): Promise<boolean> {
    if (this.#started) throw new Error("a thread can be started once only");
    this.#started = true;
    const asked = performance.now();
    for (let refused; (refused = noRoom());) {
      if (performance.now() - asked > 1000) {
        warn(`can't start new thread: ${refused}`);
        return this.#started = false;
      }
      await Promise.race([...running, new Promise((resolve) => setTimeout(resolve, 250))]);
    }
    const { module, target, args } = this.#options;
    const number = ++count;
    const given = args.map((value) => value instanceof Socket ? { socket: value.handOver() } : { value });
    const data: Parameters<typeof main> = [number, performance.timeOrigin, module, target.name, given];
    const { promise, resolve: end } = this.#ended;
    running.add(promise);
    promise.then(() => running.delete(promise));
    const created = trace?.creatingThread(number);
    const begun = await new Promise<number | "ended">((resolve) =>
      runtime.startThread(import.meta.url, data, (event) => {
        if (event === "ended") end();
        resolve(event); // the first one counts
      })
    );
    if (begun === "ended") throw new Error(`thread ${number} ended before its target ran`);
    created?.(begun);
    return true;
  }

  /** Wait until the thread has ended. Error: it was not started. */
  async join(): Promise<void> {
    if (!this.#started) throw new Error("a thread can be joined only when it was started");
    await this.#ended.promise;
  }
}

/** In the thread: load the lesson, call the target, and end when that has. `origin`: its creator's beginning, ms since 1970. */
async function main(number: number, origin: number, module: string, target: string, args: Argument[]) {
  if (trace) Object.assign(trace.currentThread, { number, origin });
  const values = args.map((arg) => "value" in arg ? arg.value : new Socket(...arg.socket));
  let over = false;
  function end(_code: number, thrown?: { error: unknown }): void {
    if (over) return; // it may come both ways
    over = true;
    Socket.closeAll(`thread ${number}`, thrown);
    trace?.endingThread();
    runtime.endThread();
  }
  runtime.beforeEnd(end);
  try {
    const run = (await import(module))[target];
    if (typeof run !== "function") {
      const advice = `the target has to be written \`export function ${target || "handler"}(…)\``;
      throw new Error(`${module} exports no function ${JSON.stringify(target)}: ${advice}`);
    }
    runtime.tellCreator(trace ? bare.gettid() : 0);
    await run(...values);
    for (const end of running) await end; // those threads would end with this one, whatever they are at
    // A turn of the event loop: a promise left behind may have been rejected. (A thread's first timer takes Deno 4 ms.)
    const cell = new Int32Array(new SharedArrayBuffer(4));
    await Promise.all([Atomics.waitAsync(cell, 0, 0).value, Atomics.notify(cell, 0)]);
    end(0);
  } catch (error) {
    end(1, { error });
  }
}

let semaphore: bigint | undefined;
/**
 * Why no thread can be made now, or nothing if one can. A runtime that cannot finish making a thread aborts the process.
 * So take as much as it needs, descriptors and OS threads, and give it back.
 */
function noRoom(): string | undefined {
  const fds = Array.from({ length: 24 }, () => bare.dup(0));
  for (const fd of fds) bare.close(fd);
  if (fds.includes(-1)) return "too few descriptors are left";

  const threads = new BigUint64Array(runtime.spareThreads(running.size));
  const wait = bare.dlsym(0n, cstring("sem_wait")); // each waits until all of them are there
  semaphore ??= bare.malloc(32); // a sem_t, in glibc and in musl. What is JavaScript's own, the engine may move
  bare.sem_init(semaphore, 0, 0);
  const attr = new Uint8Array(64); // a pthread_attr_t
  bare.pthread_attr_init(attr);
  bare.pthread_attr_setstacksize(attr, 256 * 1024); // glibc keeps small stacks for the next threads
  let made = 0;
  while (made < threads.length && !bare.pthread_create(threads.subarray(made), attr, wait, semaphore)) made++;
  for (let i = 0; i < made; i++) bare.sem_post(semaphore);
  for (let i = 0; i < made; i++) bare.pthread_join(threads[i], null);
  if (made < threads.length) return "the system makes no more of them";
}
