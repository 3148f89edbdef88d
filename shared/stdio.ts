/** Standard output and standard error by write(2): what is printed appears at once, whoever blocks the event loop. */
import { bare, Errno, errno } from "./libc.ts";
import { runtime } from "./runtime.ts";

const POLLOUT = 4;

/** Write all of it, and wait for a pipe that is full. Returns 0, or the errno of write(2) if nobody can read it. */
export function write(fd: number, data: string | Uint8Array): number {
  let rest = (typeof data === "string" ? new TextEncoder().encode(data) : data) as Uint8Array<ArrayBuffer>;
  while (rest.length > 0) {
    const n = bare.write(fd, rest, rest.length); // part of it, if the pipe has no room for more
    const code = errno[0];
    if (n >= 0) rest = rest.subarray(n);
    else if (code === Errno.EAGAIN) bare.poll(Int32Array.of(fd, POLLOUT), 1, -1); // Node.js makes pipes non-blocking
    else if (code !== Errno.EINTR) return code;
  }
  return 0;
}
for (const [fd, stream] of runtime.streams()) {
  stream.write = (data: string | Uint8Array, ...rest: unknown[]) => {
    write(fd, data);
    const done = rest.at(-1); // an encoding, a callback, both or neither
    if (typeof done === "function") queueMicrotask(() => done());
    return true;
  };
}

const warned = new Map<string, { time: number; omitted: number }>();
/**
 * Print one line on standard error, and each line once a second at most: a fault that repeats must not flood the
 * terminal. Lines that differ in numbers only count as one. How many were left out stands behind the next.
 */
export function warn(line: string): void {
  const kind = line.replace(/\d+/g, "N");
  const now = performance.now();
  const last = warned.get(kind);
  if (last && now - last.time < 1000) return void last.omitted++;
  write(2, last?.omitted ? `${line} (and ${last.omitted} more since the last such line)\n` : `${line}\n`);
  warned.set(kind, { time: now, omitted: 0 });
}

/** Print an error as the runtime would, with its file and line. `who` is the process or thread that it ended. */
export function report(who: string, error: unknown): void {
  try {
    console.error(`${who}:`, error ?? `${error} was thrown`); // with its causes
  } catch {
    write(2, `${who}: an error that cannot be printed\n`); // it does not want to be a string, for example
  }
}

/** Print one line on standard error and end the process, with all its threads: _exit(2). */
export function die(line: string, code = 1): never {
  write(2, `${line}\n`);
  return bare._exit(code) as never;
}
