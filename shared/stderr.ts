/**
 * Lines on standard error. They go through write(2), so that they appear at once: `console` may wait for an
 * event loop, which a blocking call does not give back.
 */
import { Errno } from "./errno.ts";
import { errno, open } from "./libc.ts";

const libc = open({
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  _exit: { parameters: ["i32"], result: "void" },
});

const POLLOUT = Int32Array.of(2, 4); // struct pollfd: descriptor 2, POLLOUT

/** It waits for a pipe that is full; a runtime may have made it non-blocking. */
function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  while (libc.write(2, bytes, bytes.length) === -1 && errno[0] === Errno.EAGAIN) libc.poll(POLLOUT, 1n, -1);
}

let warned = -Infinity;
/** Print one line, at most one a second: a fault that repeats must not flood the terminal. */
export function warn(line: string): void {
  if (performance.now() - warned < 1000) return;
  warned = performance.now();
  print(line);
}

/** Print an error with its file and line. `who` is the process or thread that it ended. */
export function report(who: string, error: unknown): void {
  const stack = error instanceof Error && error.stack || "";
  // In some engines the stack begins with the message, in others not.
  const text = stack.includes(String(error)) ? stack : `${error}\n${stack}`.trimEnd();
  print(`${who}: ${text}`);
}

/** Print one line and end the process, with all its threads: _exit(2). */
export function die(line: string, code = 1): never {
  print(line);
  libc._exit(code);
  throw new Error("unreachable");
}
