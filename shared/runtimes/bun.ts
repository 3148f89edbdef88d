/** Bun: https://bun.com/docs/runtime/ffi */
import type { CFunction, CType, Runtime, ThreadEvent } from "./interface.ts";

/** The part of `bun:ffi` and of the `Bun` global that is used here. */
interface BunFFI {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, CFunction> };
  ptr(buffer: ArrayBufferView): number;
  toArrayBuffer(pointer: number, offset: number, length: number): ArrayBuffer;
}
interface BunGlobal {
  isMainThread: boolean;
}
/** In a thread, `self` is its end of the line to its maker. */
const self = globalThis as unknown as {
  Bun: BunGlobal;
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(data: unknown): void;
};

const ctype = (type: CType) => type === "buffer" ? "ptr" : type;

export function bun(): Runtime {
  const ffi = (process as unknown as { getBuiltinModule(name: "bun:ffi"): BunFFI }).getBuiltinModule(
    "bun:ffi",
  );
  // From the first moment on: a message that comes while nobody listens is lost.
  const data = Promise.withResolvers<unknown>();
  if (!self.Bun.isMainThread) self.onmessage = (message) => data.resolve(message.data);
  return {
    os: process.platform,
    arch: { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch,
    script: process.argv[1],
    args: process.argv.slice(2),
    noColor: Boolean(process.env.NO_COLOR),
    command: "bun",
    container: "oven/bun bun",

    dlopen(library, signatures) {
      const symbols = Object.entries(signatures).map(([name, { parameters, result }]) => [
        name,
        { args: parameters.map(ctype), returns: ctype(result) },
      ]);
      return ffi.dlopen(library, Object.fromEntries(symbols)).symbols;
    },
    addressOf: (buffer) => BigInt(ffi.ptr(buffer)),
    int32At: (address) => new Int32Array(ffi.toArrayBuffer(Number(address), 0, 4)),

    isMainThread: self.Bun.isMainThread,
    // One that begins, up to six for compiling and signals, one less than processors for the garbage (eight at most), and
    // for each thread a collector of its own while it ends.
    spareThreads: (count) => 7 + Math.min(navigator.hardwareConcurrency - 1, 7) + count,
    allowThreads: () => {},
    startThread(url, data, listener) {
      const worker = new Worker(url, { argv: process.argv.slice(2) } as WorkerOptions);
      worker.addEventListener("message", ({ data }: MessageEvent<ThreadEvent>) => listener(data));
      worker.addEventListener("error", (event) => {
        listener({ failed: event.message });
      });
      worker.addEventListener("close", () => listener("ended"));
      worker.postMessage(data);
    },
    threadData: () => data.promise,
    tellMaker: (event) => self.postMessage(event),
    endThread: () => process.exit(0),

    beforeEnd(listener) {
      const caught = (error: unknown) => listener(error ?? new Error("undefined was thrown"));
      // In a thread, which `process` would make dearer by a third.
      if (!self.Bun.isMainThread) return addEventListener("error", ({ error }) => caught(error));
      process.on("uncaughtExceptionMonitor", caught);
      process.on("unhandledRejection", (reason) => {
        throw reason; // Bun would only print it
      });
      process.on("exit", () => listener());
    },
    turn: () => new Promise((resolve) => setTimeout(resolve)),
    forkable: (options) => ({
      options: [...options],
      environment: {
        BUN_JSC_useConcurrentGC: "0",
        BUN_JSC_useConcurrentJIT: "0",
        BUN_JSC_useDFGJIT: "0", // fewer pages that a child writes to, and so has copied
        BUN_JSC_numberOfGCMarkers: "1",
        BUN_JSC_useWarmUpMarkedBlocks: "0", // a thread that gets memory ready, and has a lock around it
        MIMALLOC_PURGE_DELAY: "-1", // a thread that gives memory back
      },
    }),
  };
}
