/** What is asked of the figures: whether they bear the article out, and what a lesson costs beside what one takes instead. */
import { type Language, LANGUAGES } from "../peers/programs.ts";
import { figure, type Figures, type Subject } from "./figures.ts";

/**
 * What is asked, in at most 54 characters; the figure; what it is divided by, if it is; where it is true, from here up
 * or up to here; and the language of the divisor, if it is always the same.
 */
export type Question = readonly [
  says: string,
  of: Subject,
  to?: Subject,
  bounds?: { readonly least?: number; readonly most?: number },
  language?: Language,
];

/** The article's claims, in its order. */
export const CLAIMS: readonly Question[] = [
  ["A process for each client is dear: 01 ÷ 06", "01 at 10", "06 at 10", { least: 3 }],
  ["A thread is far cheaper: 02 ÷ 01", "02 at 10", "01 at 10", { most: 0.5 }],
  ['Threads run out ("can\'t start new thread"): after*', "02 limit", undefined, { least: 1 }],
  ["Many threads, many switches: of 02, for a request", "02 switches", undefined, { least: 3 }],
  ["A full pool lets the next client wait: answers in 1 s", "03 answers", undefined, { most: 0 }],
  ["Overloaded, a pool is no faster than threads: 03 ÷ 02", "03 rate", "02 rate", { most: 1.5 }],
  ["Busy polling burns a processor while nothing happens", "04 idle", undefined, { least: 90 }],
  ["… and asks every socket: beside 990 silent ÷ none", "04 beside 990", "04 beside 0", { least: 2 }],
  ["select sleeps while nothing happens", "05 idle", undefined, { most: 2 }],
  ["… but looks at every socket: beside 990 silent ÷ none", "05 beside 990", "05 beside 0", { least: 2 }],
  ["… and holds 1,024 descriptors at most", "05 limit", undefined, { most: 1024 }],
  ["epoll looks at the ready ones: beside 990 ÷ none", "06 beside 990", "06 beside 0", { most: 1.5 }],
  ["epoll is far more efficient: 05 ÷ 06", "05 beside 0", "06 beside 0", { least: 2 }],
  ["… beside 990 silent connections: 05 ÷ 06", "05 beside 990", "06 beside 990", { least: 2 }],
];

/** What a lesson costs beside what one would take instead. */
export const RELATIONS: readonly Question[] = [
  ["01 ÷ CPython's 01, with the children's CPU time", "01 at 10", "01 at 10", undefined, "CPython"],
  ["02, one client after another ÷ an empty Worker", "02 at 1", "02 worker"],
  ["06 ÷ the runtime's own server", "06 at 10", "own at 10"],
];

/** The languages that are judged: nobody claims anything of C. */
export const JUDGED: readonly Language[] = LANGUAGES.filter((language) => language !== "C");

/** The answer for a language: the figure, and whether it is true; undefined if it was not measured. */
export function judge([_, of, to, bounds, base]: Question, figures: Figures, language: Language) {
  const found = figure(figures, of, language, to, base);
  const { least = -Infinity, most = Infinity } = bounds ?? {};
  return found === undefined ? undefined : { found, holds: found >= least && found <= most };
}
