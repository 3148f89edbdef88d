/** The judging, from figures that bear a claim out and from figures that do not. */
import { assert, assertEquals } from "@std/assert";
import type { Lesson } from "../support/runtimes.ts";
import { CLAIMS, judge } from "./claims.ts";
import type { Figure } from "./figures.ts";

const figure = (measure: Figure["measure"], lesson: Lesson, more: Partial<Figure>): Figure => ({
  measure,
  lesson,
  by: "deno",
  clients: 0,
  silent: 0,
  ...more,
});

/** Figures of the first lesson and of the second, for each claim: those that hold, and those that don't. */
const CASES: [says: string, yes: Figure[], no: Figure[]][] = [
  [
    "1 a process",
    [
      figure("serving", "01-fork", { clients: 10, cpu: 30 }),
      figure("serving", "06-epoll", { clients: 10, cpu: 10 }),
    ],
    [
      figure("serving", "01-fork", { clients: 10, cpu: 29 }),
      figure("serving", "06-epoll", { clients: 10, cpu: 10 }),
    ],
  ],
  [
    "1 a thread",
    [figure("birth", "01-fork", { cpu: 10 }), figure("birth", "02-thread", { cpu: 5 })],
    [figure("birth", "01-fork", { cpu: 10 }), figure("birth", "02-thread", { cpu: 70 })],
  ],
  ["2 threads end", [figure("limit", "02-thread", { count: 42 })], [
    figure("limit", "02-thread", { count: 0 }),
  ]],
  [
    "2 many threads",
    [
      figure("switches", "02-thread", { voluntary: 5, involuntary: 1 }),
      figure("switches", "06-epoll", { voluntary: 0.1, involuntary: 0.1 }),
    ],
    [
      figure("switches", "02-thread", { voluntary: 1, involuntary: 1 }),
      figure("switches", "06-epoll", { voluntary: 0.1, involuntary: 0.1 }),
    ],
  ],
  [
    "3 a pool's fifth",
    [figure("pool", "03-thread-pool", { silent: 3, latency: 300 }), ...unanswered(4), ...unanswered(8)],
    [...unanswered(3), ...unanswered(4), ...unanswered(8)],
  ],
  [
    "3 far beyond",
    [
      figure("serving", "03-thread-pool", { clients: 100, rate: 1500 }),
      figure("serving", "02-thread", { clients: 100, rate: 1000 }),
    ],
    [
      figure("serving", "03-thread-pool", { clients: 100, rate: 9000 }),
      figure("serving", "02-thread", { clients: 100, rate: 30 }),
    ],
  ],
  [
    "4 busy polling",
    [figure("idle", "04-busy-poll", { share: 1 })],
    [figure("idle", "04-busy-poll", { share: 0.5 })],
  ],
  ["4 and asks", growth("04-busy-poll", 990, 20), growth("04-busy-poll", 990, 19)],
  ["5 select sleeps", [figure("idle", "05-select", { share: 0 })], [
    figure("idle", "05-select", { share: 0.9 }),
  ]],
  ["5 but looks", growth("05-select", 990, 20), growth("05-select", 990, 10)],
  [
    "5 and holds",
    [figure("limit", "05-select", { count: 1024 })],
    [figure("limit", "05-select", { count: 1111 })],
  ],
  [
    "6 epoll looks",
    [...growth("06-epoll", 10_000, 11), figure("growth", "06-epoll", { clients: 1, silent: 990, cpu: 99 })],
    growth("06-epoll", 10_000, 16),
  ],
  ["6 far more efficient beside none", efficiency(0, 20), efficiency(0, 10)],
  ["6 far more efficient beside 990", efficiency(990, 20), efficiency(990, 10)],
];

function unanswered(silent: number): Figure[] {
  return [figure("pool", "03-thread-pool", { silent, latency: null })];
}
/** What 10 µs beside none become beside so many. */
function growth(lesson: Lesson, silent: number, cpu: number): Figure[] {
  return [
    figure("growth", lesson, { clients: 1, silent: 0, cpu: 10 }),
    figure("growth", lesson, { clients: 1, silent, cpu }),
  ];
}
/** What 05 costs where 06 costs 10 µs. */
function efficiency(silent: number, cpu: number): Figure[] {
  return [
    figure("growth", "05-select", { clients: 10, silent, cpu }),
    figure("growth", "06-epoll", { clients: 10, silent, cpu: 10 }),
  ];
}

for (const [i, claim] of CLAIMS.entries()) {
  Deno.test(`the claim "${claim.says}" is judged both ways, and not without figures`, () => {
    const [says, yes, no] = CASES[i];
    assert(claim.says.startsWith(says), `${says} is at the place of another`);
    assertEquals(judge(claim, yes, "deno")?.holds, true);
    assertEquals(judge(claim, no, "deno")?.holds, false);
    assertEquals(judge(claim, yes, "bun"), undefined);
    assertEquals(judge(claim, [], "deno"), undefined);
  });
}

Deno.test("what counts is the median over the rounds", () => {
  const [claim] = CLAIMS;
  const rounds = [10, 900, 50].map((cpu) => figure("serving", "01-fork", { clients: 10, cpu }));
  assertEquals(judge(claim, [...rounds, figure("serving", "06-epoll", { clients: 10, cpu: 10 })], "deno"), {
    figure: 5,
    holds: true,
  });
});
