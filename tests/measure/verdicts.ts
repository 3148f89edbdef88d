/** What the article says, and whether the figures bear it out. */
import { type Language, LANGUAGES } from "../peers/programs.ts";
import { type Figure, type Quantity, ratio, type Subject, value } from "./figures.ts";

type Of = readonly [quantity: Quantity, model: Subject["model"]];

/** A figure of each language, or how many times as much it is as another one. */
export interface Question {
  /** In at most 58 characters, with what the figure is. */
  readonly says: string;
  readonly of: Of;
  /** It is set in relation to this, of the same language if there is no other. */
  readonly to?: readonly [...Of, language?: Language];
  /** It is true from here up, or up to here. Without either it is only a figure. */
  readonly least?: number;
  readonly most?: number;
  readonly unit?: "×" | "%";
}

/** The article's claims in its order. */
export const CLAIMS: readonly Question[] = [
  {
    says: "A process for each client is dear: 01 costs, beside 06",
    of: ["cpu at 10", "01-fork"],
    to: ["cpu at 10", "06-epoll"],
    least: 3,
    unit: "×",
  },
  {
    says: "A thread is far cheaper: 02 costs, beside 01",
    of: ["cpu at 10", "02-thread"],
    to: ["cpu at 10", "01-fork"],
    most: 0.5,
    unit: "×",
  },
  { says: 'Threads end in "can\'t start new thread": here* after', of: ["limit", "02-thread"], least: 1 },
  {
    says: "Many threads, many switches: of 02, for a request",
    of: ["switches at 100", "02-thread"],
    least: 3,
  },
  {
    says: "A pool of 4 beside 4 silent clients: answers in a second",
    of: ["answers beside 4", "03-thread-pool"],
    most: 0,
  },
  {
    says: "Overloaded, a pool is no faster than a thread each: it is",
    of: ["rate at 100", "03-thread-pool"],
    to: ["rate at 100", "02-thread"],
    most: 1.5,
    unit: "×",
  },
  {
    says: "Busy polling burns a processor while nothing happens",
    of: ["idle", "04-busy-poll"],
    least: 90,
    unit: "%",
  },
  {
    says: "… and asks every socket: beside 990 silent it costs",
    of: ["cpu beside 990", "04-busy-poll"],
    to: ["cpu beside 0", "04-busy-poll"],
    least: 2,
    unit: "×",
  },
  { says: "select sleeps while nothing happens", of: ["idle", "05-select"], most: 2, unit: "%" },
  {
    says: "… but looks at every socket: beside 990 silent it costs",
    of: ["cpu beside 990", "05-select"],
    to: ["cpu beside 0", "05-select"],
    least: 2,
    unit: "×",
  },
  { says: "… and holds 1,024 descriptors at most", of: ["limit", "05-select"], most: 1024 },
  {
    says: "epoll looks at the ready ones: beside 990 silent it costs",
    of: ["cpu beside 990", "06-epoll"],
    to: ["cpu beside 0", "06-epoll"],
    most: 1.5,
    unit: "×",
  },
  {
    says: "epoll is far more efficient: 05 costs, beside 06",
    of: ["cpu beside 0", "05-select"],
    to: ["cpu beside 0", "06-epoll"],
    least: 2,
    unit: "×",
  },
  {
    says: "… beside 990 silent ones",
    of: ["cpu beside 990", "05-select"],
    to: ["cpu beside 990", "06-epoll"],
    least: 2,
    unit: "×",
  },
];

/** How the lessons stand to what one would take instead. */
export const RELATIONS: readonly Question[] = [
  {
    says: "01 ÷ CPython's, with their children",
    of: ["cpu at 10", "01-fork"],
    to: ["cpu at 10", "01-fork", "CPython"],
    unit: "×",
  },
  {
    says: "02, one client at a time ÷ an empty Worker",
    of: ["cpu at 1", "02-thread"],
    to: ["cpu at 1", "empty Worker"],
    unit: "×",
  },
  {
    says: "06 ÷ the runtime's own server",
    of: ["cpu at 10", "06-epoll"],
    to: ["cpu at 10", "own server"],
    unit: "×",
  },
];

/** The answer to a question for a language: the figure, and whether it is true; undefined if it was not measured. */
export function answer(
  { of, to, least = -Infinity, most = Infinity }: Question,
  figures: readonly Figure[],
  language: Language,
): { figure: number; holds: boolean } | undefined {
  const subject = ([quantity, model, by = language]: readonly [...Of, language?: Language]): Subject => ({
    quantity,
    model,
    language: by,
  });
  const figure = to ? ratio(figures, subject(of), subject(to)) : value(figures, subject(of));
  return figure === undefined ? undefined : { figure, holds: figure >= least && figure <= most };
}

/** The languages that claims are judged for: not C, which nobody claims anything of. */
export const JUDGED: readonly Language[] = LANGUAGES.filter((language) => language !== "C");
