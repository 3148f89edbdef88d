/** Tables and charts, from figures that nobody has measured. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { charts } from "./charts.ts";
import { type By, type Figure, median, type Run } from "./figures.ts";
import { matrix, peersChart, peersReport, type PeersRun, ranking } from "./peers.ts";
import { report, table, verdicts } from "./tables.ts";
import { LESSONS } from "../support/runtimes.ts";

const machine = {
  date: "2026-01-01",
  cpu: "a processor",
  processors: 2,
  kernel: "6.18",
  versions: { deno: "2.9.6", bun: "1.4.5", node: "26.10.0", python: "3.11.7" },
};
const BY: By[] = ["deno", "bun", "node", "python"];

/** A figure of every kind, as wide as they get. */
const figures: Figure[] = BY.flatMap((by) =>
  LESSONS.flatMap((lesson): Figure[] => [
    ...[1, 10, 100, 1000].map((clients): Figure => ({
      measure: "serving",
      lesson,
      by,
      clients,
      silent: 0,
      cpu: 123_456,
      rate: 12_345,
      p50: 1_234_567,
      p99: 2_345_678,
      max: 3_456_789,
      failed: 0,
    })),
    ...[0, 10, 100, 990, 10_000].map((silent): Figure => (
      { measure: "growth", lesson, by, clients: 1, silent, cpu: silent + 50 }
    )),
    ...[0, 3, 4, 8].map((silent): Figure => (
      { measure: "pool", lesson, by, clients: 1, silent, latency: silent > 3 ? null : 345_678 }
    )),
    { measure: "idle", lesson, by, clients: 0, silent: 0, share: 0.999 },
    { measure: "idle", lesson, by, clients: 0, silent: 990, share: 1.001 },
    { measure: "memory", lesson, by, clients: 0, silent: 990, memory: 12_345.6 },
    { measure: "birth", lesson, by, clients: 0, silent: 0, time: 123_456, cpu: 234_567 },
    { measure: "limit", lesson, by, clients: 0, silent: 200, count: 1024 },
    { measure: "switches", lesson, by, clients: 100, silent: 0, voluntary: 123.45, involuntary: 67.89 },
  ])
);
const run: Run = { machine, seconds: 321, figures, missing: [] };

Deno.test("the median is the value in the middle, of two the upper", () => {
  assertEquals(median([3]), 3);
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1]), 4);
});

Deno.test("a table has its words on the left and its numbers on the right; without rows there is none", () => {
  assertEquals(
    table("T", ["a", "b", "n"], [["x", "long", "1"], ["y", "b", "1,000"]]),
    "T\na  b         n\nx  long      1\ny  b     1,000\n",
  );
  assertEquals(table("T", ["a"], []), "");
});

Deno.test("no line of the report is wider than 100 columns", () => {
  for (const line of report(run).split("\n")) assert([...line].length <= 100, line);
});

Deno.test("the report names what was not measured, and rounds in which requests failed", () => {
  const failed: Figure = { ...figures[0], clients: 100, failed: 7 };
  const text = report({ ...run, figures: [...figures, failed], missing: ["CPython: no python3"] });
  assertMatch(text, /Not measured:\nCPython: no python3/);
  assertMatch(text, /no right answer: 7 of 01-fork on Deno at 100 clients/);
  assert(!report(run).includes("no right answer"));
});

Deno.test("a verdict that does not hold is a NO, and one that was not measured a dash", () => {
  const birth = (by: By, lesson: "01-fork" | "02-thread", cpu: number): Figure => (
    { measure: "birth", lesson, by, clients: 0, silent: 0, cpu }
  );
  const text = verdicts([
    birth("deno", "01-fork", 10),
    birth("deno", "02-thread", 50),
    birth("python", "01-fork", 10),
    birth("python", "02-thread", 1),
    birth("bun", "01-fork", 10),
  ]);
  assertMatch(text, /far cheaper.* NO +5\.0 × +– +yes +0\.1 ×\n/);
  assertEquals(text.trim().split("\n").length, 3);
});

Deno.test("charts are drawn from nothing but the figures, with every runtime in them", () => {
  const drawn = charts(run);
  assertEquals(Object.keys(drawn), ["serving", "growth", "pool"]);
  for (const svg of Object.values(drawn)) {
    for (const title of ["Deno", "Bun", "Node.js", "CPython"]) {
      assert(svg.includes(title));
    }
    assert(!/NaN|Infinity|undefined/.test(svg));
  }
  assertEquals(charts({ ...run, figures: figures.filter(({ measure }) => measure === "idle") }), {});
});

const peer = (round: number, name: string, model: string, language: string, cpu: number, failed = 0) => (
  { round, name, model, language, cpu, rate: 1000, failed }
);
const peers: PeersRun = {
  machine,
  seconds: 300,
  clients: 10,
  figures: [
    peer(1, "nginx", "server", "nginx", 50),
    peer(2, "nginx", "server", "nginx", 90),
    peer(1, "06-epoll in C", "06-epoll", "C", 50),
    peer(2, "06-epoll in C", "06-epoll", "C", 100),
    peer(1, "01-fork in C", "01-fork", "C", 500),
    peer(2, "01-fork in C", "01-fork", "C", 600),
    peer(1, "01-fork", "01-fork", "Deno", 5000),
    peer(2, "01-fork", "01-fork", "Deno", 4800, 3),
  ],
  missing: ["Bun.serve: no bun"],
};

Deno.test("peers are grouped by model, sorted by cost, and set in relation to C round by round", () => {
  const ranked = ranking(peers.figures);
  assertEquals(ranked.map(({ name }) => name), ["01-fork in C", "01-fork", "06-epoll in C", "nginx"]);
  assertEquals(ranked[1].ratio, { median: 10, least: 8, most: 10 });
  assertEquals(ranked[3].ratio, { median: 1, least: 0.9, most: 1 }); // no such model in C: 06
  assertEquals(ranking(peers.figures.filter(({ language }) => language !== "C"))[0].ratio, undefined);
});

Deno.test("in short, peers are a row for each model and a column for each language", () => {
  assertEquals(
    matrix(peers.figures).split("\n"),
    [
      "µs (÷ C)           C        Deno",
      "01-fork   600 (1.00)  5,000 (10)",
      "06-epoll  100 (1.00)           –",
      "nginx 90 (1.00)",
      "",
    ],
  );
});

Deno.test("the peers' report says what failed and what was left out; their chart names everyone", () => {
  const text = peersReport(peers);
  assertMatch(text, /^01-fork +Deno +5,000 +10\.00 +8\.00 – 10\.00 +1,000 +3$/m);
  assertMatch(text, /Left out:\nBun\.serve: no bun/);
  for (const line of text.split("\n")) assert([...line].length <= 100, line);
  const svg = peersChart(peers);
  for (const name of ["01-fork", "06-epoll", "nginx", "Deno", "10 × C"]) assert(svg.includes(name), name);
  assert(!/NaN|Infinity|undefined/.test(svg));
});
