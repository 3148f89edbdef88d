/** Bun: https://bun.com/docs/runtime/ffi */
import type { CType, Runtime } from "../runtime.ts";

// deno-lint-ignore no-explicit-any
const { Bun, process, postMessage } = globalThis as any; // the last is a thread's line to its creator

if (!Bun.semver.satisfies(Bun.version, ">=1.4.1")) { // in older ones, threads hear nothing of their creators
  console.error(`Bun ${Bun.version} is too old for this, which wants 1.4.1 or newer: npx bun@1.4.5`);
  process.exit(1);
}

const ctype = (type: CType) => ({ buffer: "ptr", u32: "usize" } as Record<string, string>)[type] ?? type;

export function bun(data: Promise<unknown>): Runtime {
  const ffi = process.getBuiltinModule("bun:ffi");
  if (Bun.isMainThread) { // or Bun would print an error and go on
    process.on("unhandledRejection", (reason: unknown) => { // thrown here, it would seem to come from here
      process.emit("uncaughtExceptionMonitor", reason);
      console.error(reason);
      process.exit(1);
    });
    process.on("uncaughtExceptionMonitor", () => {
      if (process.listenerCount("uncaughtException") === 0) setTimeout(() => process.exit(1));
    });
  }
  return {
    os: process.platform,
    arch: process.arch === "x64" ? "x86_64" : "aarch64",
    script: process.argv[1],
    args: process.argv.slice(2),

    dlopen: (library, name, [result, ...parameters]) =>
      ffi.dlopen(library, { [name]: { args: parameters.map(ctype), returns: ctype(result) } }).symbols[name],
    int32At: (address) => new Int32Array(ffi.toArrayBuffer(Number(address), 0, 4)),

    monotonic: () => performance.now() / 1000,
    streams: () => Bun.isMainThread ? [[1, process.stdout], [2, process.stderr]] : [], // in a thread they take milliseconds
    nextTurn: (listener) => setTimeout(listener),
    beforeEnd(listener) {
      if (Bun.isMainThread) {
        process.on("uncaughtExceptionMonitor", (error: unknown) => listener(1, { error }));
        process.on("exit", listener);
      } else { // where process has no events, and is dear
        addEventListener("error", (event) => listener(1, event));
        const { exit } = process;
        process.exit = (code?: number) => (listener(Number(code ?? 0)), exit(code));
      }
    },
    forkable: () => ({
      options: [],
      environment: {
        BUN_JSC_useConcurrentGC: "0",
        BUN_JSC_useConcurrentJIT: "0",
        BUN_JSC_useBaselineJIT: "0", // no compiler: fewer pages that a child writes to, and so has copied
        BUN_JSC_numberOfGCMarkers: "1",
        BUN_JSC_useWarmUpMarkedBlocks: "0", // a thread that gets memory ready, and has a lock around it
        MIMALLOC_PURGE_DELAY: "-1", // a thread that gives memory back
      },
    }),

    isMainThread: Bun.isMainThread,
    // One that begins, up to ten for compiling and signals, seven at most for the garbage, and one for each that ends.
    spareThreads: (count) => 11 + Math.min(navigator.hardwareConcurrency - 1, 7) + count,
    startThread(url, data, listener) {
      const worker = new Worker(url, { argv: process.argv.slice(2) } as WorkerOptions);
      worker.addEventListener("message", ({ data }) => listener(data));
      worker.addEventListener("close", () => listener("ended"));
      worker.postMessage(data);
    },
    threadData: () => data,
    tellCreator: (event) => postMessage(event),
    endThread: () => process.exit(0),
  };
}
