/** What the article claims, and whether the figures bear it out. */
import { type By, type Figure, mostSilent, select, value } from "./figures.ts";
import type { Lesson } from "../support/runtimes.ts";

/** One claim: what the article says, the figure that it is judged by, and the threshold. */
export interface Claim {
  /** The number of the lesson that it leads to, and the claim with its figure, in at most 52 characters. */
  readonly says: string;
  /** The figure, or undefined if what it needs was not measured. */
  readonly figure: (figures: readonly Figure[], by: By) => number | undefined;
  /** It holds from here up, or up to here. */
  readonly least?: number;
  readonly most?: number;
  readonly unit?: "×" | "%";
}

/** Of a claim under one runtime: the figure, and whether it holds. */
export interface Verdict {
  figure: number;
  holds: boolean;
}

const ratio = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined || b === 0 ? undefined : a / b;

type Key = Parameters<typeof value>[2];
/** One value of the first lesson in relation to the same of the second. */
const compared =
  (measure: Figure["measure"], a: Lesson, b: Lesson, key: Key, where: Partial<Figure> = {}) =>
  (figures: readonly Figure[], by: By) =>
    ratio(
      value(figures, { measure, by, lesson: a, ...where }, key),
      value(figures, { measure, by, lesson: b, ...where }, key),
    );

/** The cost of a request to one client beside silent ones, in relation to that beside none. */
const growth = (lesson: Lesson, silent?: number) => (figures: readonly Figure[], by: By) => {
  const where: Partial<Figure> = { measure: "growth", by, lesson, clients: 1 };
  const most = silent ?? mostSilent(figures, where);
  return ratio(
    value(figures, { ...where, silent: most }, "cpu"),
    value(figures, { ...where, silent: 0 }, "cpu"),
  );
};

const idle = (lesson: Lesson) => (figures: readonly Figure[], by: By) => {
  const share = value(figures, { measure: "idle", by, lesson, silent: 0 }, "share");
  return share === undefined ? undefined : share * 100;
};

const limit = (lesson: Lesson) => (figures: readonly Figure[], by: By) =>
  value(figures, { measure: "limit", by, lesson }, "count");

const switches = (figures: readonly Figure[], by: By) => {
  const all = (lesson: Lesson) => {
    const [figure] = select(figures, { measure: "switches", by, lesson });
    return figure && figure.voluntary! + figure.involuntary!;
  };
  // Both may do with hardly any; a ratio of two small numbers would say nothing.
  const [threads, epoll] = [all("02-thread"), all("06-epoll")];
  return threads === undefined || epoll === undefined ? undefined : threads / Math.max(epoll, 1);
};

/** The fewest silent clients beside which an ordinary one is not answered within a second. */
const unanswered = (figures: readonly Figure[], by: By) => {
  const pool = select(figures, { measure: "pool", by });
  if (pool.length === 0) return undefined;
  return Math.min(...pool.filter(({ latency }) => latency === null).map(({ silent }) => silent));
};

/** The one table of claims and thresholds, in the article's order. */
export const CLAIMS: readonly Claim[] = [
  {
    says: "1 a process a client is dear: CPU, 01 ÷ 06",
    figure: compared("serving", "01-fork", "06-epoll", "cpu", { clients: 10 }),
    least: 3,
    unit: "×",
  },
  {
    says: "1 a thread is far cheaper: CPU of a birth, 02 ÷ 01",
    figure: compared("birth", "02-thread", "01-fork", "cpu"),
    most: 0.5,
    unit: "×",
  },
  { says: '2 threads end in "can\'t start new thread": at', figure: limit("02-thread"), least: 1 },
  { says: "2 many threads, many switches: 02 ÷ 06", figure: switches, least: 3, unit: "×" },
  { says: "3 a pool's fifth client waits: silent ones beside it", figure: unanswered, least: 4, most: 4 },
  {
    says: "3 far beyond its size no better: rate, 03 ÷ 02",
    figure: compared("serving", "03-thread-pool", "02-thread", "rate", { clients: 100 }),
    most: 1.5,
    unit: "×",
  },
  { says: "4 busy polling burns a whole core: idle", figure: idle("04-busy-poll"), least: 90, unit: "%" },
  {
    says: "4 and asks all n: beside 990 silent ÷ beside none",
    figure: growth("04-busy-poll", 990),
    least: 2,
    unit: "×",
  },
  { says: "5 select sleeps when nothing happens: idle", figure: idle("05-select"), most: 2, unit: "%" },
  {
    says: "5 but looks at all n: beside 990 silent ÷ none",
    figure: growth("05-select", 990),
    least: 2,
    unit: "×",
  },
  { says: "5 and holds 1,024 descriptors at most: held", figure: limit("05-select"), most: 1024 },
  {
    says: "6 epoll looks at k only: beside most silent ÷ none",
    figure: growth("06-epoll"),
    most: 1.5,
    unit: "×",
  },
  {
    says: "6 far more efficient beside none: CPU, 05 ÷ 06",
    figure: compared("growth", "05-select", "06-epoll", "cpu", { clients: 10, silent: 0 }),
    least: 2,
    unit: "×",
  },
  {
    says: "6 far more efficient beside 990 silent: 05 ÷ 06",
    figure: compared("growth", "05-select", "06-epoll", "cpu", { clients: 10, silent: 990 }),
    least: 2,
    unit: "×",
  },
];

/** Judge a claim by the figures of one runtime; undefined: they were not taken. */
export function judge(claim: Claim, figures: readonly Figure[], by: By): Verdict | undefined {
  const figure = claim.figure(figures, by);
  if (figure === undefined || Number.isNaN(figure)) return undefined;
  return { figure, holds: figure >= (claim.least ?? -Infinity) && figure <= (claim.most ?? Infinity) };
}
