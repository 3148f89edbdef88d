/** The command line of a lesson. */
import { runtime } from "./runtime.ts";
import { die } from "./stderr.ts";

/** Where a server listens, and which lesson it is. */
export interface Address {
  /** An IPv4 address of this machine, or 0.0.0.0 for all of them. */
  readonly host: string;
  /** 0 to 65535; 0 takes a free one. */
  readonly port: number;
  /** The lesson's name, such as `04-busy-poll`. */
  readonly lesson: string;
}

/** Options of a lesson's own, with their defaults: a number takes whole numbers from 0 up, a string any text. */
export type OwnOptions = Readonly<Record<string, number | string>>;
/** The values that were given for them. */
type Values<T extends OwnOptions> = { [K in keyof T]: T[K] extends number ? number : string };
/** What {@link parseOptions} found: values, a text to print, or what is wrong. */
export type Options<T extends OwnOptions> = { values: Address & Values<T> } | { help: string } | {
  error: string;
};

/** Read the options of a lesson. Pure: it prints nothing and ends nothing. */
export function parseOptions<T extends OwnOptions>(
  lesson: string,
  shows: string,
  own: T,
  args: readonly string[],
): Options<T> {
  const values: Record<string, number | string> = { ...own, host: "127.0.0.1", port: 9696, lesson };
  for (let i = 0; i < args.length; i++) {
    const [, name, inline] = /^--([a-z][a-z-]*)(?:=(.*))?$/s.exec(args[i]) ?? [];
    if (name === "help" && inline === undefined) return { help: help(lesson, shows, own) };
    if (name === "trace" && inline === undefined) continue; // libc.ts has seen it
    if (name === undefined || name === "lesson" || !Object.hasOwn(values, name)) {
      return { error: `unknown option ${JSON.stringify(args[i])}; --help lists the options` };
    }
    const text = inline ?? args[++i] ?? "";
    const not = `not ${JSON.stringify(text)}`;
    if (name === "host") {
      const host = text === "localhost" ? "127.0.0.1" : text;
      const octets = /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? host.split(".").map(Number) : [256];
      if (octets.some((octet) => octet > 255)) {
        return { error: `--host takes localhost or an IPv4 address such as 127.0.0.1 or 0.0.0.0, ${not}` };
      }
      values.host = octets.join(".");
    } else if (typeof values[name] === "number") {
      values[name] = /^\d{1,9}$/.test(text) ? Number(text) : Infinity;
      if (name === "port" && values.port as number > 65535) {
        return { error: `--port takes a number from 0 to 65535, ${not}` };
      }
      if (values[name] === Infinity) return { error: `--${name} takes a whole number, ${not}` };
    } else {
      values[name] = text;
    }
  }
  return { values: values as unknown as Address & Values<T> };
}

function help(lesson: string, shows: string, own: OwnOptions): string {
  const ownLines = Object.entries(own).map(([name, value]) =>
    `  --${name} ${typeof value === "number" ? "N" : "TEXT"}`.padEnd(18) + `(default ${value})\n`
  );
  return `${lesson}: ${shows}

  ${runtime.command} lessons/${lesson}.ts [options]

  --host ADDRESS  IPv4 address to listen on (default 127.0.0.1; 0.0.0.0 is every one)
  --port PORT     port to listen on (default 9696; 0 takes a free one)
${ownLines.join("")}  --trace         print each system call as it happens
  --help          print this text`;
}

/**
 * The command line: the address to listen on, and `own` options, which a copy of a lesson may add in a line, such as
 * `options("…", { pool: 4 })` for `--pool 8`. `shows` is what the lesson shows, in a line. `--help` and a
 * wrong option (exit code 2) end the process here.
 */
export function options<const T extends OwnOptions>(shows: string, own: T = {} as T): Address & Values<T> {
  const lesson = decodeURIComponent(runtime.script).replace(/^.*\/|\.ts$/g, "");
  const found = parseOptions(lesson, shows, own, runtime.args);
  if ("help" in found) {
    console.log(found.help);
    // deno-lint-ignore no-process-global
    process.exit(0);
  }
  if ("error" in found) die(`${lesson}: ${found.error}`, 2);
  return found.values;
}
