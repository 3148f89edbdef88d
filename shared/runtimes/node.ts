/** Node.js: https://nodejs.org/api/ffi.html */
import type { CFunction, CType, Runtime, ThreadEvent } from "../runtime.ts";

/** The part of `node:ffi` that is used here. */
interface NodeFFI {
  dlopen(
    path: string | null,
    functions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<string, CFunction> };
  getRawPointer(buffer: ArrayBufferView): bigint;
  toArrayBuffer(pointer: bigint, length: number, copy: boolean): ArrayBuffer;
}
/** The part of `node:worker_threads` that is used here. */
interface NodeWorkers {
  Worker: new (url: URL, options: { workerData: unknown; argv: readonly string[] }) => {
    on(event: string, listener: (value: never) => void): void;
  };
  isMainThread: boolean;
  parentPort: { postMessage(data: unknown): void };
  workerData: unknown;
}
/** The part of `node:module` that is used here. */
interface NodeModule {
  enableCompileCache(): { directory?: string };
  flushCompileCache(): void;
}
const builtin = <T>(name: string) =>
  (process as unknown as { getBuiltinModule(name: string): T | undefined }).getBuiltinModule(name);

const quoted = (word: string) => /^[\w./@:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** `node:ffi`, without the warning that it is experimental, which would stand among a lesson's first lines. */
function loadFFI(): NodeFFI {
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) =>
    /\bFFI\b/.test(String(warning)) ? undefined : emitWarning.call(process, warning, ...rest as []);
  try {
    const ffi = builtin<NodeFFI>("node:ffi");
    if (ffi) return ffi;
    const refused = `${process.env.NODE_OPTIONS} ${process.execArgv.join(" ")}`.includes(
      "--no-experimental-ffi",
    );
    console.error(
      `Node.js ${process.version} has no node:ffi` +
        (refused
          ? ", because --no-experimental-ffi forbids it"
          : `; this runs it in one that has: npx -y -p node@26.10.0 node ${
            process.argv.slice(1).map(quoted).join(" ")
          }`),
    );
    process.exit(1);
  } finally {
    process.emitWarning = emitWarning;
  }
}
const NO_COMPILERS = ["--no-use-ic", "--no-sparkplug", "--no-maglev", "--no-opt"];

// libffi widens an int to a register, sign and all, so a size may go as one (up to 2 GiB). An uint64 wants a bigint, each time.
const ctype = (type: CType) => type === "size" ? "i32" : type;

export function node(): Runtime {
  const ffi = loadFFI();
  const workers = builtin<NodeWorkers>("node:worker_threads")!;
  const modules = builtin<NodeModule>("node:module")!;
  const { _exit } = ffi.dlopen(null, { _exit: { arguments: ["i32"], return: "void" } }).functions;
  // Now that everything is loaded: a server that a signal ends leaves nothing for its next start.
  if (process.env.NODE_COMPILE_CACHE && workers.isMainThread) modules.flushCompileCache();
  /** Node prints an error only after "exit", when the process is gone. */
  const print = (error: unknown) => {
    if (process.listenerCount("uncaughtException") === 0) console.error(error);
  };

  return {
    os: process.platform,
    arch: { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch,
    script: process.argv[1],
    args: process.argv.slice(2),
    noColor: Boolean(process.env.NO_COLOR),
    command: "node",
    container: "node:26 node",

    dlopen(library, signatures) {
      const functions = Object.entries(signatures).map(([name, [result, ...parameters]]) => [
        name,
        { arguments: parameters.map(ctype), return: ctype(result) },
      ]);
      return ffi.dlopen(library, Object.fromEntries(functions)).functions;
    },
    addressOf: (buffer) => ffi.getRawPointer(buffer),
    int32At: (address) => new Int32Array(ffi.toArrayBuffer(address, 4, false)),

    inspect: (value) => builtin<{ inspect(value: unknown): string }>("node:util")!.inspect(value),
    writeBy(writer) {
      // Each stream when it is first used. console uses them, too.
      for (const [fd, name] of [[1, "stdout"], [2, "stderr"]] as const) {
        const { get } = Object.getOwnPropertyDescriptor(process, name)!;
        Object.defineProperty(process, name, {
          configurable: true,
          get() {
            const stream = get!.call(process);
            stream.write = writer(fd);
            Object.defineProperty(process, name, { value: stream });
            return stream;
          },
        });
      }
    },
    turn: () => new Promise((resolve) => setTimeout(resolve)),
    beforeEnd(listener) {
      process.on(
        "uncaughtExceptionMonitor",
        (error) => listener(1, error ?? new Error("undefined was thrown")),
      );
      process.on("exit", listener);
    },

    isMainThread: workers.isMainThread,
    spareThreads: () => 4,
    allowThreads() {
      const { permission } = process as unknown as { permission?: { has(scope: string): boolean } };
      if (!permission || permission.has("worker")) return;
      console.error("This needs --allow-worker, to run the lesson in threads");
      process.exit(1);
    },
    startThread(url, data, listener) {
      // A thread that does not strip and compile the same files again costs half as much.
      const { directory } = modules.enableCompileCache();
      if (directory) process.env.NODE_COMPILE_CACHE = directory;
      // Node ends its threads before the process, and waits for ever for one that sleeps in a system call.
      process.removeListener("exit", _exit).on("exit", _exit);
      process.removeListener("uncaughtExceptionMonitor", print).on("uncaughtExceptionMonitor", print);
      const worker = new workers.Worker(new URL(url), { workerData: data, argv: process.argv.slice(2) });
      worker.on("message", (event: ThreadEvent | Record<string, unknown>) => {
        // On the same line `node --watch` hears which files the thread loads.
        if (!("watch:import" in Object(event))) listener(event as ThreadEvent);
      });
      worker.on("error", (error: Error) => listener({ failed: error.message }));
      worker.on("exit", () => listener("ended"));
    },
    threadData: () => Promise.resolve(workers.workerData),
    tellCreator: (event) => workers.parentPort.postMessage(event),
    endThread: () => process.exit(0),

    forkable: (options) => ({
      // No workers of V8's, and no compilers: a child has fewer pages that it writes to, and so has copied.
      options: ["--single-threaded", "--v8-pool-size=0", ...NO_COMPILERS, ...options],
      environment: { NODE_COMPILE_CACHE: modules.enableCompileCache().directory ?? "" },
    }),
    askForPid: (getpid) => Object.defineProperty(process, "pid", { get: getpid }),
  };
}
