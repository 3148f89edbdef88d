/** The charts of `compare`, drawn from its figures. */
import { LESSONS } from "../support/runtimes.ts";
import { type Figure, NAMES, type Run, select, type Value, value } from "./figures.ts";
import { type Chart, draw, type Panel } from "./lines.ts";
import { present } from "./tables.ts";

/** Each chart that there are figures for, by its name. */
export function charts({ machine, figures }: Run): Record<string, string> {
  const { lessons, by } = present(figures);

  /** A panel for each runtime, with a line for each lesson over the number of clients. */
  function panels(where: Partial<Figure>, over: "clients" | "silent", key: Value, none?: number): Panel[] {
    return by.map((by) => ({
      title: `${NAMES[by]} ${machine.versions[by] ?? ""}`,
      series: lessons.map((lesson) => {
        const counts = new Set(select(figures, { ...where, lesson, by }).map((figure) => figure[over]));
        const points = [...counts].toSorted((a, b) => a - b).flatMap((n) => {
          const found = value(figures, { ...where, lesson, by, [over]: n }, key) ?? none;
          return found === undefined ? [] : [[n, found] as const];
        });
        return { name: lesson, style: LESSONS.indexOf(lesson), points };
      }).filter(({ points }) => points.length > 0),
    })).filter(({ series }) => series.length > 0);
  }

  const all: Record<string, Chart> = {
    serving: {
      title: "Serving",
      x: "clients at once",
      y: "CPU time of the server for a request, µs",
      ticks: [1, 10, 100, 1000],
      panels: panels({ measure: "serving" }, "clients", "cpu"),
    },
    growth: {
      title: "Growth",
      x: "silent connections beside one client",
      y: "CPU time of the server for a request, µs",
      ticks: [0, 10, 100, 1000, 10_000],
      panels: panels({ measure: "growth", clients: 1 }, "silent", "cpu"),
    },
    pool: {
      title: "The pool of four threads",
      x: "silent clients",
      y: "an ordinary client's answer, µs (at 1M: none within a second)",
      ticks: [0, 3, 4, 8],
      panels: panels({ measure: "pool" }, "silent", "latency", 1e6),
    },
  };
  return Object.fromEntries(
    Object.entries(all).filter(([_, { panels }]) => panels.length > 0)
      .map(([name, chart]) => [name, draw(chart)]),
  );
}
