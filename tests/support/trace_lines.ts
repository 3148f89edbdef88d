/** The lines of `--trace`, and those of clients that a recording has between them. */

/** One line. */
export interface Line {
  /** ms since the server began. */
  readonly time: number;
  /** `"main"`, `"worker 1"`, `"child 1234"`, `"client 5"`. */
  readonly who: string;
  /** The system call with its result; of a client, what it does. */
  readonly text: string;
  /** The name of the call, with its arguments and its result; of a client its verb. */
  readonly call: string;
  readonly args: readonly string[];
  readonly result: number;
  readonly error?: string;
  readonly note: string;
  /** The file and line of the lesson that makes the call, `"06-epoll.ts:59"`; `"04-busy-poll.ts:34,41"`: these by turns. */
  readonly place: string;
  /** It begins to wait. */
  readonly waits: boolean;
  /** How many calls in a row found nothing, if that is what the line says. */
  readonly count?: number;
}

/** Whether a line is a client's, and not the server's. */
export const isClient = ({ who }: Pick<Line, "who">): boolean => who.startsWith("client");

const LINE =
  /^ *([\d.]+) ms {2}(\S+(?: \d+)?) +(.*?)(?: {2,}((?!\S+\.[cm]?[jt]sx?:[\d,]+$)\S.*?))?(?: {2,}(\S+\.[cm]?[jt]sx?:[\d,]+))?$/;

/** A line from its parts. */
export function lineFrom(time: number, who: string, text: string, note = "", place = ""): Line {
  const [, call = "", args = "", result = "", error] =
    /^(\w+)(?:\((.*?)\)(?: = (-?\d+) ?(E\w+)?)?)?/.exec(text) ?? [];
  const count = /(?: = -1 EAGAIN| × ([\d,]+)|^waitpid\(-?\d+\) = (?:0|-1 .*))$/.exec(text);
  return {
    ...{ time, who, text, note, place, call, args: args.split(/[ ,]+/), result: Number(result), error },
    waits: text.endsWith("…"),
    count: count ? Number((count[1] ?? "1").replaceAll(",", "")) : undefined,
  };
}

/** Read one line; of anything else nothing. */
export function readLine(text: string): Line[] {
  const match = LINE.exec(text);
  if (!match) return [];
  const [, time, who, call, note, place] = match;
  return [lineFrom(Number(time), who, call, note, place)];
}

/** The descriptors in the first set of a text: `[21 23-25]`. */
export function numbers(text: string): number[] {
  return (/\[(.*?)\]/.exec(text)?.[1] ?? "").split(" ").filter(Boolean).flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** Write one as `--trace` does. */
export function writeLine({ time, who, text, note, place }: Line): string {
  const when = time.toFixed(2).padStart(10);
  return `${when} ms  ${who.padEnd(12)}  ${text.padEnd(33)}  ${note.padEnd(38)}  ${place}`.trimEnd();
}
