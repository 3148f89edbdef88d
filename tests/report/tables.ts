/** The figures of `compare` as text: the verdicts first, then what is behind them. No line is wider than 100 columns. */
import { type Lesson, LESSONS } from "../support/runtimes.ts";
import { CLAIMS, judge } from "./claims.ts";
import {
  type By,
  type Figure,
  type Machine,
  mostSilent,
  NAMES,
  type Run,
  select,
  type Value,
  value,
} from "./figures.ts";

/** A number with thousands separated, or a dash for none. */
export function cell(value: number | undefined, digits = 0): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A table: the first `left` columns are words, the others numbers. Nothing for no rows. */
export function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left = 2,
): string {
  if (rows.length === 0) return "";
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => [...row[i]].length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => i < left ? text.padEnd(widths[i]) : text.padStart(widths[i])).join("  ").trimEnd();
  return `${title}\n${line(head)}\n${rows.map(line).join("\n")}\n`;
}

/** The machine and the versions, in a line or two. */
export function describe({ cpu, processors, kernel, versions }: Machine): string {
  const names: Partial<Record<string, string>> = NAMES;
  const programs = Object.entries(versions).map(([by, version]) => `${names[by] ?? by} ${version}`);
  return `${cpu}, ${processors} processors, Linux ${kernel}\n${programs.join(", ")}\n`;
}

/** What {@link Run} has figures of, in order. */
export function present(figures: readonly Figure[]): { lessons: Lesson[]; by: By[] } {
  return {
    lessons: LESSONS.filter((lesson) => figures.some((figure) => figure.lesson === lesson)),
    by: (Object.keys(NAMES) as By[]).filter((by) => figures.some((figure) => figure.by === by)),
  };
}

/** The verdicts: one line a claim, one column a runtime. */
export function verdicts(figures: readonly Figure[]): string {
  const { by } = present(figures);
  const rows = CLAIMS.map((claim) => [
    claim.says,
    ...by.map((by) => {
      const verdict = judge(claim, figures, by);
      if (verdict === undefined) return "–";
      const { figure, holds } = verdict;
      const digits = claim.unit && figure < 10 ? (figure < 0.1 && claim.unit === "×" ? 2 : 1) : 0;
      const said = figure === Infinity
        ? "none"
        : `${cell(figure, digits)}${claim.unit ? ` ${claim.unit}` : ""}`;
      return `${holds ? "yes" : "NO"} ${said.padStart(6)}`;
    }),
  ]).filter((row) => row.some((text, i) => i > 0 && text !== "–"));
  return table(
    "What the article claims, and what this run says",
    ["", ...by.map((by) => NAMES[by])],
    rows,
    1,
  );
}

const ms = (µs: number | undefined) => µs === undefined ? undefined : µs / 1000;
const percent = (share: number | undefined) => share === undefined ? "–" : `${cell(share * 100, 1)} %`;
const clients = (n: number) => n === 1 ? "1 client" : `${cell(n)} clients`;

/** Everything: machine, verdicts, tables, and what went wrong. */
export function report({ machine, seconds, figures, missing }: Run): string {
  const { lessons, by } = present(figures);
  /** A row for each lesson and runtime of which there is such a figure. */
  const rows = (measure: Figure["measure"], cells: (where: Partial<Figure>) => string[]) =>
    lessons.flatMap((lesson) => by.map((by) => ({ measure, lesson, by })))
      .filter((where) => select(figures, where).length > 0)
      .map((where) => [where.lesson, NAMES[where.by], ...cells(where)]);
  const counts = (measure: Figure["measure"], key: "clients" | "silent") =>
    [...new Set(select(figures, { measure }).map((figure) => figure[key]))].toSorted((a, b) => a - b);
  const at = (where: Partial<Figure>, key: Value) => value(figures, where, key);

  const served = counts("serving", "clients");
  const serving = (key: Value) =>
    rows("serving", (where) => served.map((clients) => cell(at({ ...where, clients }, key))));
  const beside = counts("growth", "silent").filter((silent) => silent < 1000);
  const waiting = counts("pool", "silent");
  const failures = figures.filter(({ failed }) => failed)
    .map(({ failed, lesson, by, clients }) => `${failed} of ${lesson} on ${NAMES[by]} at ${clients} clients`);

  const births = table(
    "Birth: a process or a thread that ends at once, ms",
    ["lesson", "by", "time", "CPU"],
    rows("birth", (where) => [cell(ms(at(where, "time")), 2), cell(ms(at(where, "cpu")), 2)]),
  );

  return [
    verdicts(figures),
    describe(machine),
    table(
      "Serving: CPU time of the server for a request, µs",
      ["lesson", "by", ...served.map(clients)],
      serving("cpu"),
    ),
    table("Serving: requests a second", ["lesson", "by", ...served.map(clients)], serving("rate")),
    table(
      "Serving: latency at 100 clients, ms",
      ["lesson", "by", "p50", "p99", "worst"],
      rows(
        "serving",
        (where) =>
          (["p50", "p99", "max"] as const).map((key) => cell(ms(at({ ...where, clients: 100 }, key)), 1)),
      ),
    ),
    table(
      "Switches for a request at 100 clients: the thread waits, or another's turn has come",
      ["lesson", "by", "voluntary", "involuntary"],
      rows("switches", (where) => [cell(at(where, "voluntary"), 2), cell(at(where, "involuntary"), 2)]),
    ),
    table(
      "Doing nothing: share of one processor without clients and beside silent ones, and their memory",
      ["lesson", "by", "no client", "silent ones", "share", "KiB a client"],
      rows("idle", (where) => {
        const silent = mostSilent(figures, where);
        const memory = at({ ...where, measure: "memory" }, "memory");
        return [
          percent(at({ ...where, silent: 0 }, "share")),
          cell(silent),
          percent(at({ ...where, silent }, "share")),
          cell(memory && Math.max(memory, 0), 1),
        ];
      }),
    ),
    births && births + BIRTHS,
    table(
      "Growth: CPU time of the server for a request of one client, µs, beside silent ones",
      ["lesson", "by", ...beside.map((n) => cell(n)), "at most", "which are"],
      rows("growth", (where) => {
        const most = mostSilent(figures, where);
        return [
          ...beside.map((silent) => cell(at({ ...where, clients: 1, silent }, "cpu"))),
          cell(at({ ...where, clients: 1, silent: most }, "cpu")),
          cell(most),
        ];
      }),
    ),
    table(
      "The pool: an ordinary client's answer, ms, beside silent clients",
      ["lesson", "by", ...waiting.map((n) => cell(n))],
      rows("pool", (where) =>
        waiting.map((silent) => {
          const latency = at({ ...where, silent }, "latency");
          return latency === undefined ? "none in 1 s" : cell(ms(latency), 2);
        })),
    ),
    missing.length > 0 ? `Not measured:\n${missing.join("\n")}\n` : "",
    failures.length > 0 ? `Requests that got no right answer: ${failures.join("; ")}\n` : "",
    `${cell(seconds)} s\n`,
  ].filter((part) => part !== "").join("\n");
}

/** What a birth includes. */
const BIRTHS =
  `A thread of JavaScript is a Worker; before each, 24 descriptors and four threads or more are taken
and given back, to see whether there is room for it. A fork of JavaScript is made by an engine
that does without helper threads. CPython's are threading.Thread and os.fork, as they are.
`;
