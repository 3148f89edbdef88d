/** How a lesson begins: its command line, and the socket that it listens on. */
import { bare, OSError, tracing } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { SO_REUSEADDR, Socket, SOL_SOCKET } from "./socket.ts";
import { die, write } from "./stdio.ts";

if (tracing) await import("./trace.ts");

/** Where a server listens: an IPv4 address of this machine and a port. And the lesson's name, such as `04-busy-poll`. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly lesson: string;
}

/** Options of a lesson's own, with their defaults. One whose default is a number takes numbers. */
export type OwnOptions = Readonly<Record<string, number | string | boolean>>;
type Values<T> = { [K in keyof T]: T[K] extends number ? number : T[K] extends boolean ? boolean : string };

const HELP: Record<string, string> = {
  host: "IPv4 address to listen on; 0.0.0.0 is every one of this machine",
  port: "port to listen on; 0 takes a free one",
  trace: "print each system call as it happens",
  help: "print this text",
};

/**
 * The command line: the address to listen on, and `own` options, which a copy of a lesson may add, such as
 * `options("…", { pool: 4 })` for `--pool 8`. `shows` says what the lesson shows. `--help` ends the process here, and so
 * does a wrong option (exit code 2). Error: a thread has called it.
 */
export function options<const T extends OwnOptions>(shows: string, own: T = {} as T): Address & Values<T> {
  if (!runtime.isMainThread) throw new Error("options: not in a thread, but in if (isMainThread) { … }");
  const lesson = runtime.script.replace(/^.*\/|\.\w+$/g, "");
  const wrong = (what: string) => die(`${lesson}: ${what}; --help lists the options`, 2);
  const defaults = Object.entries({ host: "127.0.0.1", port: 9696, ...own, trace: false, help: false });
  const values: Record<string, unknown> = Object.fromEntries(defaults);
  const args = [...runtime.args]; // parseArgs of node:util would make Deno's heap a third larger, for 01 to copy
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? ["", ""];
    if (!Object.hasOwn(values, name)) wrong(`Unknown option '${arg}'`);
    const [flag, number] = [typeof values[name] === "boolean", typeof values[name] === "number"];
    if (flag && given !== undefined) wrong(`Option '--${name}' does not take an argument`);
    const value = given ?? (flag ? "" : args.shift()) ?? wrong(`Option '--${name} <value>' argument missing`);
    if (number && !/^\d+(\.\d+)?$/.test(value)) wrong(`--${name} takes a number, not ${value}`);
    values[name] = flag || (number ? Number(value) : value);
  }
  if (values.help) {
    const lines = defaults.map(([name, value]) =>
      `  --${name} ${value === false ? "" : value}`.padEnd(22) + (HELP[name] ?? "")
    );
    const how = `deno run -A lessons/${lesson}.ts [options]     or     bun …     or     node …`;
    write(1, `${lesson}: ${shows}\n\n  ${how}\n\n${lines.join("\n")}\n\nThe values are the defaults.\n`);
    bare._exit(0);
  }
  return { ...values, lesson } as unknown as Address & Values<T>;
}

/**
 * A socket that listens on an address: socket(2), setsockopt(2), bind(2), listen(2), as Python's
 * `socket.create_server`. Then it prints where. What cannot be ends the process with a sentence (exit code 1).
 *
 * The kernel takes `backlog` connections before they are accepted, /proc/sys/net/core/somaxconn at most. It drops what does
 * not fit, and the client's kernel tries again after a second. The listings say 1: then a burst of clients waits.
 */
export function createServer(address: Address, { backlog = 4096 } = {}): Socket {
  const { lesson, port } = address;
  if (!lesson) throw new TypeError(`createServer takes what options("…") returns, not ${address}`);
  const host = address.host === "localhost" ? "127.0.0.1" : address.host;
  try {
    const server = new Socket();
    server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1); // or connections of an earlier server keep the port: socket(7)
    server.bind([host, port]);
    server.listen(backlog);
    const url = `http://${server.getsockname().join(":")}`;
    const all = host === "0.0.0.0" ? ", for everyone who can reach this machine" : "";
    const curl = `curl -i ${url.replace("0.0.0.0", "127.0.0.1")}`;
    write(1, `${lesson} listening on ${url}${all}\nTry: ${curl}   Stop: Ctrl-C\n`);
    return server;
  } catch (error) {
    if (!(error instanceof OSError || error instanceof TypeError)) throw error;
    die(`${lesson}: --host ${host} --port ${port}: ${error.message}`);
  }
}
