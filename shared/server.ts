/** What every lesson begins with: its arguments, its listening socket, and plain words when that fails. */
import { Errno, OSError } from "./errno.ts";
import { warn } from "./libc.ts";
import { args, os, runtime } from "./runtime.ts";
import { Socket } from "./socket.ts";

export { warn };

/** Where a server listens, and which lesson it is. */
export interface Address {
  /** An IPv4 address of this machine, or 0.0.0.0 for all of them. */
  readonly host: string;
  /** 0 to 65535; 0 takes a free one. */
  readonly port: number;
  /** The lesson's name, such as `04-busy-poll`. */
  readonly lesson: string;
}

/** What {@link parseOptions} found: an address, a text to print, or what is wrong. */
export type Options = { address: Address } | { help: string } | { error: string };

/**
 * How many connections the kernel takes before they are accepted. The listings
 * say 1; then a burst of clients waits for seconds, because the kernel drops
 * what does not fit and the client's kernel tries again only after 1 s, then
 * 2 s more. The kernel itself cuts this to /proc/sys/net/core/somaxconn.
 */
const BACKLOG = 4096;

/** Read the options of a lesson. Pure: it prints nothing and ends nothing. */
export function parseOptions(lesson: string, shows: string, args: readonly string[]): Options {
  let host = "127.0.0.1";
  let port = 9696;
  for (let i = 0; i < args.length; i++) {
    const [, name, inline] = /^(--[a-z]+)(?:=(.*))?$/.exec(args[i]) ?? [];
    if (name === "--help" && inline === undefined) return { help: help(lesson, shows) };
    if (name === "--trace" && inline === undefined) continue; // libc.ts has seen it
    if (name !== "--host" && name !== "--port") {
      return { error: `unknown option ${JSON.stringify(args[i])}; --help lists the options` };
    }
    const value = inline ?? args[++i] ?? "";
    if (name === "--host") {
      const octets = /^\d{1,3}(\.\d{1,3}){3}$/.test(value) ? value.split(".").map(Number) : [256];
      if (octets.some((octet) => octet > 255)) {
        return {
          error: `--host takes an IPv4 address such as 127.0.0.1 or 0.0.0.0, not ${JSON.stringify(value)}`,
        };
      }
      host = octets.join(".");
    } else {
      port = /^\d{1,5}$/.test(value) ? Number(value) : Infinity;
      if (port > 65535) {
        return { error: `--port takes a number from 0 to 65535, not ${JSON.stringify(value)}` };
      }
    }
  }
  return { address: { host, port, lesson } };
}

function help(lesson: string, shows: string): string {
  return `${lesson}: ${shows}

  deno run --allow-ffi lessons/${lesson}.ts [options]
  bun lessons/${lesson}.ts [options]

  --host ADDRESS  IPv4 address to listen on (default 127.0.0.1; 0.0.0.0 is every one)
  --port PORT     port to listen on (default 9696; 0 takes a free one)
  --trace         print each system call as it happens
  --help          print this text`;
}

/** The sentence for a system that has no epoll. */
export function unsupported(lesson: string): string {
  const image = runtime === "deno" ? "denoland/deno run --allow-ffi" : "oven/bun bun";
  return `${lesson} makes system calls of Linux, so run it in a container: ` +
    `docker run --rm -it --init -p 9696:9696 -v "$PWD":/app -w /app ${image} lessons/${lesson}.ts --host 0.0.0.0`;
}

/** Print one line on standard error and end the process. */
export function die(line: string, code = 1): never {
  console.error(line);
  // deno-lint-ignore no-process-global
  process.exit(code);
}

/**
 * The address to listen on, from the command line. `--help`, a wrong option
 * (exit code 2) and a system other than Linux (exit code 1) end the process here.
 * `url` is the lesson's `import.meta.url`, `shows` what it shows, in a line.
 */
export function options(url: string, shows: string): Address {
  const lesson = decodeURIComponent(url).replace(/^.*\/|\.ts$/g, "");
  const found = parseOptions(lesson, shows, args);
  if ("help" in found) {
    console.log(found.help);
    // deno-lint-ignore no-process-global
    process.exit(0);
  }
  if ("error" in found) die(`${lesson}: ${found.error}`, 2);
  if (os !== "linux") die(unsupported(lesson));
  return found.address;
}

/**
 * A socket that listens on an address: socket(2), setsockopt(2), bind(2),
 * listen(2), as Python's `socket.create_server`. Then it prints where. What
 * the system refuses ends the process with a sentence (exit code 1).
 */
export function createServer({ host, port, lesson }: Address): Socket {
  const server = new Socket();
  server.reuseaddr();
  try {
    server.bind(host, port);
    server.listen(BACKLOG);
  } catch (error) {
    die(`${lesson}: ${error instanceof OSError ? advice(error.code, host, port) ?? error.message : error}`);
  }
  const url = `http://${host}:${server.port()}`;
  console.log(`${lesson} listening on ${url}\nTry: curl -i ${url}   Stop: Ctrl-C`);
  return server;
}

function advice(code: number, host: string, port: number): string | undefined {
  switch (code) {
    case Errno.EADDRINUSE:
      return `port ${port} is in use: stop the program that has it, or take another with --port (0 takes a free one)`;
    case Errno.EACCES:
      return `port ${port} needs more rights: take one from 1024 up with --port`;
    case Errno.EADDRNOTAVAIL:
      return `this machine has no address ${host}: take 127.0.0.1, or 0.0.0.0 for all, with --host`;
  }
}
