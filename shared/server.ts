/** A lesson's command line and the socket that it listens on, with plain words where there can be none. */
import { Errno, OSError } from "./errno.ts";
import { runtime } from "./runtime.ts";
import { octets, SO_REUSEADDR, Socket, SOL_SOCKET } from "./socket.ts";
import { die, write } from "./stdio.ts";

/** Where a server listens, and which lesson it is. */
export interface Address {
  /** An IPv4 address of this machine, or 0.0.0.0 for all of them. */
  readonly host: string;
  /** 0 to 65535; 0 takes a free one. */
  readonly port: number;
  /** The lesson's name, such as `04-busy-poll`. */
  readonly lesson: string;
}

/** Options of a lesson's own, with their defaults. */
export type OwnOptions = Readonly<Record<string, number | string | boolean>>;
/** The values that were given for them: `4` stands for any number, `false` for true or false. */
type Values<T> = { [K in keyof T]: T[K] extends number ? number : T[K] extends boolean ? boolean : string };

/**
 * The command line: the address to listen on, and `own` options, which a copy of a lesson may add in a line, such as
 * `options("…", { pool: 4 })` for `--pool 8`. `shows` is what the lesson shows, in a line. `--help` and a
 * wrong option (exit code 2) end the process here.
 */
export function options<const T extends OwnOptions>(shows: string, own: T = {} as T): Address & Values<T> {
  const lesson = runtime.script.replace(/^.*\/|\.\w+$/g, "");
  const defaults: OwnOptions = { host: "127.0.0.1", port: 9696, ...own, trace: false, help: false };
  const wrong = (what: string) => die(`${lesson}: ${what}; --help lists the options`, 2);
  const given = parse(defaults, wrong);
  if (given.help) {
    write(1, help(lesson, shows, defaults));
    // deno-lint-ignore no-process-global
    process.exit(0);
  }
  if (given.host === "localhost") given.host = "127.0.0.1";
  if (!octets(`${given.host}`)) {
    wrong(`--host takes localhost or an IPv4 address such as 127.0.0.1, not ${given.host}`);
  }
  if (!Number.isInteger(given.port) || given.port as number > 65535) {
    wrong(`--port takes 0 to 65535, not ${given.port}`);
  }
  return { ...given, lesson } as unknown as Address & Values<T>;
}

/** The values of the options by their names; those with a number for their default are numbers from 0 up. */
function parse(
  defaults: OwnOptions,
  wrong: (what: string) => never,
): Record<string, number | string | boolean> {
  // Not imported: of the threads, which load this file too, none needs it.
  // deno-lint-ignore no-process-global
  const { parseArgs } = process.getBuiltinModule("node:util");
  const types = Object.entries(defaults).map(([name, value]) =>
    [name, { type: typeof value === "boolean" ? "boolean" : "string" }] as const
  );
  let values: Record<string, unknown> = {};
  try {
    ({ values } = parseArgs({
      args: [...runtime.args],
      options: Object.fromEntries(types),
      allowNegative: true,
    }));
  } catch (error) {
    wrong((error as Error).message.split("\n")[0]);
  }
  return Object.fromEntries(
    Object.entries({ ...defaults, ...values }).map(([name, value]) => {
      if (typeof defaults[name] !== "number") return [name, value as string | boolean];
      if (!/^\d{1,9}(\.\d+)?$/.test(`${value}`)) {
        wrong(`--${name} takes a number, not ${JSON.stringify(value)}`);
      }
      return [name, Number(value)];
    }),
  );
}

function help(lesson: string, shows: string, defaults: OwnOptions): string {
  const told: Record<string, string> = {
    host: "IPv4 address to listen on; 0.0.0.0 is every one of this machine",
    port: "port to listen on; 0 takes a free one",
    trace: "print each system call as it happens",
    help: "print this text",
  };
  const lines = Object.entries(defaults).map(([name, value]) => {
    const kind = typeof value === "boolean" ? "" : typeof value === "number" ? " N" : " TEXT";
    return `  ${`--${name}${kind}`.padEnd(14)}  ${told[name] ?? ""} (default ${value})`.replace(
      " (default false)",
      "",
    );
  });
  return `${lesson}: ${shows}\n\n  ${runtime.command} lessons/${lesson}.ts [options]\n\n${
    lines.join("\n")
  }\n`;
}

/**
 * How many connections the kernel takes before they are accepted. The listings
 * say 1; then a burst of clients waits for seconds, because the kernel drops
 * what does not fit and the client's kernel tries again only after a second, and
 * perhaps again. The kernel itself cuts this to /proc/sys/net/core/somaxconn.
 */
const BACKLOG = 4096;

/**
 * A socket that listens on an address: socket(2), setsockopt(2), bind(2),
 * listen(2), as Python's `socket.create_server`. Then it prints where. What
 * the system refuses ends the process with a sentence (exit code 1).
 */
export function createServer(address: Address, { backlog = BACKLOG } = {}): Socket {
  if (!runtime.isMainThread) {
    throw new Error(
      "a thread has come to createServer: what the main thread alone does stands in if (isMainThread) { … }",
    );
  }
  const { host, port, lesson } = address;
  if (lesson === undefined) {
    throw new TypeError(`createServer takes what options("…") returns, not ${address}`);
  }
  try {
    const server = new Socket();
    server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1); // or connections of an earlier server keep the port: socket(7)
    server.bind([host, port]);
    server.listen(backlog);
    announce(server, lesson);
    return server;
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    die(`${lesson}: ${advice(error.code, host, port) ?? error.message}`);
  }
}

function announce(server: Socket, lesson: string): void {
  const [host, port] = server.getsockname();
  const everywhere = host === "0.0.0.0";
  const url = `http://${everywhere ? "127.0.0.1" : host}:${port}`;
  write(
    1,
    `${lesson} listening on http://${host}:${port}${
      everywhere ? ", for all who can reach this machine" : ""
    }\n`,
  );
  write(1, `Try: curl -i ${url}   Stop: Ctrl-C\n`);
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
