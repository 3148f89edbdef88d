/** The charts of `compare`, drawn from its figures. */
import { LESSONS } from "../support/runtimes.ts";
import { type Figure, NAMES, type Run, select, type Value, value } from "./figures.ts";
import { type Chart, draw, type Panel, type Series } from "./lines.ts";
import { present } from "./tables.ts";

/** Each chart that there are figures for, by its name. */
export function charts({ machine, figures }: Run): Record<string, string> {
  const { lessons, by } = present(figures);

  /** The points of a line: a value over the number of clients; where it is not a number, `none`. */
  function points(where: Partial<Figure>, over: "clients" | "silent", key: Value, none?: number) {
    const counts = new Set(select(figures, where).map((figure) => figure[over]));
    return [...counts].toSorted((a, b) => a - b).flatMap((n) => {
      const found = value(figures, { ...where, [over]: n }, key) ?? none;
      return found === undefined ? [] : [[n, found] as const];
    });
  }
  const drawable = (series: Series[]) => series.filter(({ points }) => points.length > 0);

  /** A panel for each runtime, with a line for each lesson. */
  const panels = (where: Partial<Figure>, over: "clients" | "silent"): Panel[] =>
    by.map((by) => ({
      title: `${NAMES[by]} ${machine.versions[by] ?? ""}`,
      series: drawable(lessons.map((lesson) => ({
        name: lesson,
        style: LESSONS.indexOf(lesson),
        points: points({ ...where, lesson, by }, over, "cpu"),
      }))),
    }));

  const all: Record<string, Chart> = {
    serving: {
      title: "Serving",
      x: "clients at once",
      y: "CPU time of the server for a request, µs",
      ticks: [1, 10, 100, 1000],
      panels: panels({ measure: "serving" }, "clients"),
    },
    growth: {
      title: "Growth",
      x: "silent connections beside one client",
      y: "CPU time of the server for a request, µs",
      ticks: [0, 10, 100, 1000, 10_000],
      panels: panels({ measure: "growth", clients: 1 }, "silent"),
    },
    pool: {
      title: "The pool of four threads",
      x: "silent clients",
      y: "an ordinary client's answer, µs (at 1M: none within a second)",
      ticks: [0, 3, 4, 8],
      panels: [{
        title: "03-thread-pool",
        series: drawable(by.map((by, style) => ({
          name: NAMES[by],
          style,
          points: points({ measure: "pool", by }, "silent", "latency", 1e6),
        }))),
      }],
    },
  };
  return Object.fromEntries(
    Object.entries(all)
      .map(([name, chart]) =>
        [name, { ...chart, panels: chart.panels.filter(({ series }) => series.length > 0) }] as const
      )
      .filter(([_, { panels }]) => panels.length > 0)
      .map(([name, chart]) => [name, draw(chart)]),
  );
}
