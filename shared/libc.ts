/** The C library: opens its functions, glibc's or musl's, and reads what they leave in errno. */
import { OSError } from "./errno.ts";
import { runtime } from "./runtime.ts";
import type { CFunction, CType, Signature } from "./runtimes/interface.ts";

type Signatures = Readonly<Record<string, Signature>>;
// deno-fmt-ignore
type Value<T extends CType> =
  T extends "buffer" ? Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer> | null
  : T extends "u64" ? bigint
  : T extends "void" ? void
  : number;
type Values<P extends readonly CType[]> = { -readonly [I in keyof P]: Value<P[I]> };
/** C functions by name, with their parameters as JavaScript passes them. */
export type Functions<S extends Signatures> = {
  readonly [K in keyof S]: (...args: Values<S[K]["parameters"]>) => Value<S[K]["result"]>;
};

if (runtime.os !== "linux") {
  const lesson = runtime.script.replace(/^.*[/\\]/, "");
  console.error(
    `${lesson} makes system calls of Linux, so run it in a container: docker run --rm -it --init ` +
      `-p 9696:9696 -v "$PWD":/app -w /app ${runtime.container} lessons/${lesson} --host 0.0.0.0`,
  );
  // deno-lint-ignore no-process-global
  process.exit(1);
}

/** Opens a function that was not called yet, each. */
const unopened = new Set<() => void>();

/**
 * Functions of the C library, each opened when it is first used: opening one costs more than calling it a hundred
 * times, and a thread calls six. Lengths and results (`size_t`, `ssize_t` in C) are declared
 * `i32`: no lesson passes more than 2 GiB, and 64-bit ones would arrive as BigInt, off V8's fast path for
 * foreign calls. The C ABI leaves the upper half of such a register open; with all three runtimes our lengths arrive.
 * `library`: glibc before 2.34 has threads and dlsym(3) in files of their own; musl takes all
 * these names for itself.
 */
export function open<const S extends Signatures>(signatures: S, library = "libc.so.6"): Functions<S> {
  return lazily(signatures, library, (_name, call) => call);
}

function lazily<S extends Signatures>(
  signatures: S,
  library: string,
  wrap: (name: string, call: CFunction) => CFunction,
): Functions<S> {
  const functions = {} as Functions<S>;
  for (const [name, signature] of Object.entries(signatures)) {
    const openNow = () => {
      unopened.delete(openNow);
      const value = wrap(name, runtime.dlopen(library, { [name]: signature })[name]);
      Object.defineProperty(functions, name, { value });
      return value;
    };
    Object.defineProperty(functions, name, { configurable: true, get: openNow });
    unopened.add(openNow);
  }
  return functions;
}

/** Open all functions of the files that were loaded: before the first fork(2), or every child would do it anew. */
export function openAll(): void {
  for (const openNow of unopened) openNow();
}

/**
 * `errno[0]` says why the last call of this thread failed: errno(3). Each thread has its own `int`, at an
 * address that never changes. Read it in the statement after the call: it is a plain load then, and nothing,
 * not even the garbage collector, gets in between.
 */
export const errno: Int32Array = runtime.int32At(
  open({ __errno_location: { parameters: [], result: "u64" } }).__errno_location(),
);

const bare = {
  _exit: { parameters: ["i32"], result: "void" },
  getpid: { parameters: [], result: "i32" },
  isatty: { parameters: ["i32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "i32"], result: "i32" },
} as const;
const trace = runtime.args.includes("--trace")
  ? (await import("./trace.ts")).tracer(open(bare), errno)
  : undefined;

/** {@link open}, for the calls that tell a lesson's story: `--trace` prints them. Without it, they are the bare functions. */
export function traced<const S extends Signatures>(signatures: S): Functions<S> {
  return lazily(signatures, "libc.so.6", trace ?? ((_name, call) => call));
}

/** `result`, or throws {@link OSError} if it is -1. Only for calls that seldom fail: errno is read here. */
export function check(call: string, result: number): number {
  if (result === -1) throw new OSError(call, errno[0]);
  return result;
}

/** A string as C wants it: UTF-8 with a NUL behind it. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

const TIMEVAL = new Int32Array(4); // two C longs, the low half first: seconds, microseconds
/** Seconds as C wants them, rounded up to microseconds: struct timeval. It holds until the next call. */
export function timeval(seconds: number): Int32Array<ArrayBuffer> {
  const microseconds = Math.ceil(seconds * 1e6);
  TIMEVAL[0] = Math.floor(microseconds / 1e6);
  TIMEVAL[2] = microseconds % 1e6;
  return TIMEVAL;
}
