/** The arithmetic, the verdicts, the report and the chart, from figures that nobody has measured. */
import assert, { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { LANGUAGES, MODELS } from "../peers/programs.ts";
import { growthChart } from "./chart.ts";
import { checkPossible, figure, type Figures, MeasuringFault, median } from "./figures.ts";
import { type Subject, subject } from "./figures.ts";
import { report } from "./report.ts";
import { CLAIMS, judge, RELATIONS } from "./verdicts.ts";

/** Figures of Deno, one a round. */
const deno = (of: Subject, ...Deno: number[]): Figures => ({ [of]: { Deno } });

Deno.test("a median is the value in the middle, of two the upper; a ratio is the median of the rounds' ratios", () => {
  assertEquals([[3], [9, 1, 5], [4, 1], [], [NaN, 7]].map((all) => median(all)), [3, 5, 4, undefined, 7]);
  const figures = { ...deno("01 at 10", 10, 30, 90), ...deno("06 at 10", 1, 10, 10, 10) };
  assertEquals(figure(figures, "01 at 10", "Deno", "06 at 10"), 9); // of 10, 3 and 9
  assertEquals(figure(figures, "01 at 10", "Deno", "06 at 10", "C"), undefined);
});

Deno.test("more CPU time than there was is a measuring fault", () => {
  const possible = (model: (typeof MODELS)[number], cpu: number, main: number, processors = 8) =>
    checkPossible({ name: "a server", model }, processors, { seconds: 1, cpu, main });
  // 1.95 processors in one thread: what 04 costs when the load starts after the clock was read.
  assertThrows(() => possible("04-busy-poll", 1.95, 1.95), MeasuringFault);
  assertThrows(() => possible("04-busy-poll", 1.03, 1.03), MeasuringFault);
  possible("04-busy-poll", 1.2, 1.01); // beside it, threads of the runtime
  assertThrows(() => possible("03-thread-pool", 4.1, 0), MeasuringFault);
  possible("03-thread-pool", 4, 0);
  for (const model of MODELS) assertThrows(() => possible(model, 2.1, 1, 2), MeasuringFault);
  possible("01-fork", 2.05, 1, 2); // a clock tick of its children, and another
});

for (const question of CLAIMS) {
  const [says, of, to, { least, most } = {}] = question;
  Deno.test(`"${says}" is judged both ways, and not without figures`, () => {
    const found = (figure: number) => judge(question, { ...deno(of, figure), ...to && deno(to, 1) }, "Deno");
    const edge = (least ?? most)!;
    assertEquals(found(edge)?.holds, true);
    assertEquals(found(least ? edge * 0.99 : edge * 1.01 + 0.01)?.holds, false);
    assertEquals(judge(question, to ? deno(to, 1) : {}, "Deno"), undefined);
  });
}

/** As wide as they get. */
const wide = (of: Subject) => of.endsWith("idle") ? 101 : / (at|beside|rate)/.test(of) ? 12_345 : 1024;
const subjects = [...CLAIMS, ...RELATIONS].flatMap(([_, of, to]) => to ? [of, to] : [of]);
const figures: Figures = Object.fromEntries(
  [...MODELS.map((model) => subject(model, "at 10")), ...subjects]
    .map((of) => [of, Object.fromEntries(LANGUAGES.map((language) => [language, [wide(of)]]))]),
);
const run = { machine: ["a processor"], seconds: 321, rounds: 5, figures, notes: [] };

Deno.test("the report fits into 110 columns, and says what is not measured", () => {
  for (const line of report(run).split("\n")) assert([...line].length <= 110, line);
  assert(!report(run).includes("Not measured"));
  const text = report({ ...run, notes: ["nginx: it is not here"] });
  assert.match(text, /Not measured.*\nnginx: it is not here\n$/);
  const dearer = { ...deno("02 at 10", 4), ...deno("01 at 10", 2) };
  assert.match(report({ ...run, figures: dearer }), /cheaper.* false 2.0 ×/);
});

Deno.test("the chart is drawn from the figures, and its title says what they bear out", () => {
  const beside = (of: "04" | "05" | "06", n: number) =>
    [0, 10, 100, 990].map((silent) => deno(`${of} beside ${silent}`, 9 + silent * n));
  const growth = growthChart(Object.assign({}, ...beside("04", 9), ...beside("05", 1), ...beside("06", 0)));
  assert.match(growth, /to 06 it costs the same/);
  const rising = (["04", "05", "06"] as const).flatMap((of) => beside(of, 1));
  assert(!growthChart(Object.assign({}, ...rising)).includes("costs the same"));
  assert(!/NaN|Infinity|undefined/.test(growth));
});
