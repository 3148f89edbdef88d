/** Deno: https://docs.deno.com/api/deno/ffi */
import type { CFunction, Runtime } from "../runtime.ts";

// deno-lint-ignore no-explicit-any
const self = globalThis as any; // in a thread, its end of the line to its creator
const { close } = self;

/** In a terminal Deno asks, once. Elsewhere one sentence says what is missing. */
function require(name: "ffi" | "read"): void {
  if (Deno.permissions.requestSync({ name }).state === "granted") return;
  console.error(`This needs --allow-${name}: deno run -A allows it`);
  Deno.exit(1);
}

/** No compiler, and no notes for one: a child writes to fewer pages. And it compiles nothing anew. */
const FORKABLE = "--single-threaded,--lite-mode,--invocation-count-for-feedback-allocation=10000," +
  "--no-lazy,--no-flush-bytecode,--expose-gc";

/** A timer that is due at once. The first setTimeout would load Node's: 4 ms, and a megabyte that every fork copies. */
const later = (listener: () => void) => AbortSignal.timeout(0).addEventListener("abort", listener);

export function deno(data: Promise<unknown>): Runtime {
  const isMainThread = !("WorkerGlobalScope" in globalThis);
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    script: decodeURIComponent(Deno.mainModule ?? "").replace(/^file:\/\//, ""),
    args: Deno.args,

    dlopen(library, name, [result, ...parameters]) {
      // For all libraries: asked for this one alone, Deno would look for it in the current folder.
      require("ffi");
      const symbol = { parameters, result } as Deno.ForeignFunction;
      const compile = () => Deno.dlopen(library, { [name]: symbol }).symbols[name] as CFunction;
      if (isMainThread) return compile();
      // To compile the way into a C function takes 0.2 ms. A thread that calls it a few times does better without.
      const { symbols } = Deno.dlopen(library, { [name]: { type: "pointer" } });
      const pointer: { call: CFunction } = new Deno.UnsafeFnPointer(symbols[name] as never, symbol);
      let [calls, compiled] = [0, undefined as CFunction | undefined];
      return (...args) => ++calls < 50 ? pointer.call(...args) : (compiled ??= compile())(...args);
    },
    int32At: (address) =>
      new Int32Array(Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address)!, 4)),

    monotonic: () => performance.now() / 1000,
    streams: () => [], // they write at once
    nextTurn: (listener) => later(() => later(listener)), // a module's error comes after the first timers
    beforeEnd(listener) {
      addEventListener("error", (event) => listener(1, event));
      addEventListener("unhandledrejection", ({ reason }) => listener(1, { error: reason }));
      addEventListener("unload", () => listener(Deno.exitCode));
      if (!isMainThread) self.close = () => listener(0); // which says what is left open, and ends the thread
    },
    forkable: () => ({ options: [], environment: { DENO_V8_FLAGS: FORKABLE, MALLOC_ARENA_MAX: "1" } }), // one malloc heap

    isMainThread,
    spareThreads: () => 8, // its own thread and the first one's helpers, and room for those that are just ending
    allowThreads: () => require("read"),
    startThread(url, data, listener) {
      const worker = new Worker(url, { type: "module" });
      worker.onmessage = ({ data }) => listener(data);
      worker.onerror = (event) => {
        event.preventDefault(); // it would end the other threads too
        console.error(event.message);
        listener("ended");
      };
      worker.postMessage(data);
    },
    threadData: () => data,
    tellCreator: (event) => self.postMessage(event),
    endThread() {
      self.postMessage("ended");
      close();
    },
  };
}
