/**
 * The one file that knows whether it runs on Deno or on Bun: calling a C
 * library, threads, arguments. Everything above it is the same for both.
 */

/** A C type as both runtimes name it; `buffer` is a `void *` that a typed array or `null` fills. */
export type CType = "i32" | "u32" | "u64" | "buffer" | "pointer" | "void";
/** What a C function takes and returns. */
export interface Signature {
  readonly parameters: readonly CType[];
  readonly result: CType;
}
/** An address as the runtime hands it over: an opaque object in Deno, a number in Bun. */
export type Pointer = { readonly __pointer: unique symbol };
/** A C function as JavaScript calls it. */
// deno-lint-ignore no-explicit-any
export type CFunction = (...args: any[]) => any;

/** The part of `bun:ffi` and of the `Bun` global that is used here. */
interface BunFFI {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, CFunction> };
  ptr(buffer: ArrayBufferView): number;
  toArrayBuffer(pointer: unknown, offset: number, length: number): ArrayBuffer;
}
interface BunGlobal {
  argv: string[];
  isMainThread: boolean;
}

const bun = (globalThis as { Bun?: BunGlobal }).Bun;
// Not a literal: Deno would try to resolve it when it reads this file.
const ffiModule = "bun:ffi";
const ffi: BunFFI | undefined = bun ? await import(ffiModule) : undefined;

/** `"deno"` or `"bun"`. */
export const runtime: "deno" | "bun" = bun ? "bun" : "deno";

/** `"linux"`, `"darwin"`, `"windows"`/`"win32"`. */
export const os: string = bun ? process.platform : Deno.build.os;

/** The processor: `"x86_64"` or `"aarch64"`. */
export const arch: string = bun
  ? ({ x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch)
  : Deno.build.arch;

/** False in a thread made by {@link startWorker}. */
export const isMainThread: boolean = bun ? bun.isMainThread : !("WorkerGlobalScope" in globalThis);

/** The user wants no colours: https://no-color.org */
export const noColor: boolean = bun ? Boolean(process.env.NO_COLOR) : Deno.noColor;

/**
 * In the main thread, the script's arguments; in a thread, what
 * {@link startWorker} passed.
 */
export const args: readonly string[] = bun
  ? bun.argv.slice(2)
  : isMainThread
  ? Deno.args
  : JSON.parse((globalThis as unknown as { name: string }).name);

/**
 * The C function `name` of the shared library `library`: dlopen(3), dlsym(3).
 * Throws if there is no such library or function, or no `ffi` permission (in
 * a terminal Deno asks for it here, once).
 */
export function symbol(library: string, name: string, { parameters, result }: Signature): CFunction {
  if (ffi) {
    const bunType = (type: CType) => type === "buffer" || type === "pointer" ? "ptr" : type;
    const symbols = { [name]: { args: parameters.map(bunType), returns: bunType(result) } };
    return ffi.dlopen(library, symbols).symbols[name];
  }
  // Asked for this library alone, Deno would look for it in the current folder.
  const { state } = Deno.permissions.requestSync({ name: "ffi" });
  if (state !== "granted" && Deno.stdin.isTerminal()) {
    // dlopen would ask again, so say at once what it says after the second "no".
    throw new Deno.errors.NotCapable("Requires ffi access, run again with the --allow-ffi flag");
  }
  const symbols = { [name]: { parameters, result } } as Deno.ForeignLibraryInterface;
  return (Deno.dlopen(library, symbols).symbols as Record<string, CFunction>)[name];
}

/** The address of a buffer's first byte. It holds while the buffer lives. */
export function addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
  return ffi ? BigInt(ffi.ptr(buffer)) : Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}

/** The `int` at an address, as an array of one element: reading it is one load, not a call. */
export function int32At(pointer: Pointer): Int32Array {
  return new Int32Array(
    ffi
      ? ffi.toArrayBuffer(pointer, 0, 4)
      : Deno.UnsafePointerView.getArrayBuffer(pointer as unknown as Deno.PointerObject, 4),
  );
}

/**
 * Start a thread: a Worker, which is an OS thread with a JavaScript VM of its
 * own, running the module at `url` with `args`.
 */
export function startWorker(url: string, args: readonly string[]): Worker {
  const options = bun ? { argv: args } : { name: JSON.stringify(args) };
  return new Worker(url, { type: "module", ...options } as WorkerOptions);
}

/** End the calling thread. Bun ends one by itself when its module is done. */
export function endWorker(): void {
  if (!bun) (globalThis as unknown as { close(): void }).close();
}
