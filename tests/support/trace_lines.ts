/** The lines of `--trace`, and those that a story has between them. */

/** One line. */
export interface Line {
  /** ms since the server began. */
  readonly time: number;
  /** `"main"`, `"worker 1"`, `"child 1234"`, `"client 5"`, `"nobody"`. */
  readonly who: string;
  /** The system call with its result; of a client, what it does. */
  readonly text: string;
  /** The name of the call; of a client its verb. */
  readonly call: string;
  readonly note: string;
  /** It begins to wait. */
  readonly waits: boolean;
  /** How many calls in a row found nothing, if that is what the line says. */
  readonly count?: number;
}

/** Read one line; of anything else nothing. */
export function readLine(text: string): Line[] {
  const match = /^ *([\d.]+) ms {2}(\S+(?: \d+)?) +(.*?)(?: {2,}(.*))?$/.exec(text);
  if (!match) return [];
  const [, time, who, call, note = ""] = match;
  const count = / (?:= -1 EAGAIN|× ([\d,]+))$/.exec(call);
  return [{
    time: Number(time),
    who,
    text: call,
    call: /^\w+/.exec(call)![0],
    note,
    waits: call.endsWith("…"),
    ...(count && { count: Number((count[1] ?? "1").replaceAll(",", "")) }),
  }];
}
