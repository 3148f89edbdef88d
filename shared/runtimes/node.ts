/** Node.js: https://nodejs.org/api/ffi.html */
import type { CFunction, Runtime } from "../runtime.ts";

// deno-lint-ignore no-explicit-any
const self = process as any; // it has more than its types say

const { emitWarning } = process;
process.emitWarning = () => {}; // that node:ffi is experimental would stand among a lesson's first lines
const ffi = self.getBuiltinModule("node:ffi");
process.emitWarning = emitWarning;
if (!ffi) {
  const words = process.argv.slice(1).map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  console.error(
    `Node.js ${process.version} has no node:ffi, or not with --no-experimental-ffi; ` +
      `this runs it in one that has: npx -y -p node@26.10.0 node ${words}`,
  );
  process.exit(1);
}

/** No workers, no compilers, and no notes for them: a child writes to fewer pages. It compiles nothing anew. */
const FORKABLE =
  "--single-threaded --v8-pool-size=0 --optimize-for-size --no-use-ic --no-sparkplug --no-maglev --no-opt " +
  "--invocation-count-for-feedback-allocation=10000 --no-lazy --no-flush-bytecode --expose-gc";

/** What a thread does first. To find a module takes Node 0.25 ms: those of shared/ are where they are said to be. */
function begin({ getBuiltinModule }: typeof self) {
  const { url } = getBuiltinModule("node:worker_threads").workerData;
  const shared = new URL(".", url).href;
  getBuiltinModule("node:module").registerHooks({
    resolve(specifier: string, context: { parentURL: string }, next: CFunction) {
      const { href } = new URL(specifier, context.parentURL);
      if (!href.startsWith(shared) || !href.endsWith(".ts")) return next(specifier, context);
      return { url: href, format: "module-typescript", shortCircuit: true };
    },
  });
  import(url);
}

export function node(): Runtime {
  const workers = self.getBuiltinModule("node:worker_threads");
  const modules = self.getBuiltinModule("node:module");
  const compileCache = () => modules.enableCompileCache().directory ?? "";
  // A server that a signal ends would not write it: so do it now that all is loaded.
  if (process.env.NODE_COMPILE_CACHE && workers.isMainThread) modules.flushCompileCache();

  return {
    os: process.platform,
    arch: process.arch === "x64" ? "x86_64" : "aarch64",
    script: process.argv[1] ?? "",
    args: process.argv.slice(2),

    dlopen: (library, name, [result, ...types]) =>
      ffi.dlopen(library, { [name]: { arguments: types, return: result } }).functions[name],
    int32At: (address) => new Int32Array(ffi.toArrayBuffer(address, 4, false)),

    monotonic: () => process.uptime(),
    streams: () => [[1, process.stdout], [2, process.stderr]], // console writes to them
    nextTurn: (listener) => setTimeout(listener),
    beforeEnd(listener) {
      process.on("uncaughtExceptionMonitor", (error) => listener(1, { error }));
      process.on("exit", listener);
    },
    forkable: () => ({
      options: FORKABLE.split(" "),
      // The second start does not have the channel to `node --watch`. And it has one malloc heap for all threads.
      environment: { NODE_COMPILE_CACHE: compileCache(), NODE_CHANNEL_FD: "", MALLOC_ARENA_MAX: "1" },
    }),

    isMainThread: workers.isMainThread,
    spareThreads: () => 4,
    allowThreads() {
      if (self.permission?.has("worker") === false) {
        console.error("This needs --allow-worker, to load the lesson in each thread");
        process.exit(1);
      }
      // V8 compiles calls of C beside a thread, and crashes if that ends meanwhile.
      self.getBuiltinModule("node:v8").setFlagsFromString("--no-turbo-fast-api-calls");
      const { _exit } = ffi.dlopen(null, { _exit: { arguments: ["i32"], return: "void" } }).functions;
      // Node ends its threads before the process, and waits for ever for one that sleeps in a system call.
      self.reallyExit = _exit;
      process.on("uncaughtExceptionMonitor", (error) => {
        if (process.listenerCount("uncaughtException") > 0) return;
        console.error(error);
        process.on("exit", _exit); // after the lesson's own listeners
      });
    },
    startThread(url, data, listener) {
      // A thread that does not strip and compile the same files again costs half as much.
      process.env.NODE_COMPILE_CACHE = compileCache();
      const options = { eval: true, workerData: { url, data }, argv: process.argv.slice(2) };
      const worker = new workers.Worker(`(${begin})(process)`, options);
      worker.on("message", (event: unknown) => typeof event === "number" && listener(event)); // others: `node --watch`
      worker.on("error", console.error);
      worker.on("exit", () => listener("ended"));
    },
    threadData: () => Promise.resolve(workers.workerData.data),
    tellCreator: (event) => workers.parentPort.postMessage(event),
    endThread: () => process.exit(0),
  };
}
