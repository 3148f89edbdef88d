/** The two charts of `compare`. Both scales of costs are logarithmic; light or dark paper is the reader's choice. */
import { LANGUAGES, MODELS, PROGRAMS } from "../peers/programs.ts";
import { type Figure, ratio, value } from "./figures.ts";
import { cell, inC, times } from "./report.ts";
import { JUDGED } from "./verdicts.ts";

const WIDTH = 600;

/** A picture: what it shows stands above it. */
function page(height: number, title: readonly string[], values: string, parts: readonly string[]): string {
  const head = title.map((line, i) => `<text x="12" y="${24 + i * 20}" class="title">${line}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="14">
<title>${title.join(" ")}</title>
<style>
  .paper { fill: #ffffff } text { fill: #24292f } .grid { stroke: #d0d7de }
  .title { font-size: 16px } .title, .strong { font-weight: 600 } .line { fill: none; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) { .paper { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d } }
</style>
<rect class="paper" width="100%" height="100%"/>
${head.join("\n")}
<text x="12" y="${26 + title.length * 20}">${values}</text>
${parts.join("\n")}
</svg>
`;
}

const text = (x: number, y: number, words: string, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`;
const grid = (path: string) => `<path class="grid" d="${path}"/>`;

/** Where a cost stands between two edges: the scale ends at the least and the greatest of them, not at a power of ten. */
function scale(costs: readonly number[], from: number, to: number) {
  const [least, most] = [Math.min(...costs), Math.max(...costs)].map(Math.log);
  return {
    at: (cost: number) => from + (Math.log(cost) - least) / (most - least || 1) * (to - from),
    /** The powers of ten in it. */
    ticks: [10, 100, 1000, 10_000, 100_000].filter((tick) =>
      Math.log(tick) >= least && Math.log(tick) <= most
    ),
  };
}

/** Okabe and Ito's colours, which colour-blind readers can tell apart; in grey, dashes do. */
const LINES = {
  "04-busy-poll": `stroke="#d55e00" stroke-dasharray="7 4"`,
  "05-select": `stroke="#0072b2"`,
  "06-epoll": `stroke="#009e73" stroke-dasharray="2 3"`,
};

/** How the cost of a request grows with the silent connections beside it: a line for each model and language. */
export function growthChart(figures: readonly Figure[]): string {
  const [left, right, top, bottom] = [64, WIDTH - 110, 106, 380];
  const silent = [0, 10, 100, 990];
  // Zero has a place of its own, a step left of the first value.
  const px = (n: number) => left + (n === 0 ? 0 : Math.log10(n) / 3) * (right - left);
  const lines = Object.entries(LINES).flatMap(([name, style]) =>
    JUDGED.map((language) => {
      const model = name as keyof typeof LINES;
      const points = silent.flatMap((n) => {
        const cpu = value(figures, { quantity: `cpu beside ${n}`, model, language });
        return cpu === undefined ? [] : [[n, cpu] as const];
      });
      return { model, style, points };
    }).filter(({ points }) => points.length > 0)
  );
  if (lines.length === 0) return "";
  const costs = lines.flatMap(({ points }) => points.map(([, cpu]) => cpu));
  const { at, ticks } = scale(costs, bottom, top);
  const ends = Map.groupBy(lines, ({ model }) => model);
  return page(
    bottom + 60,
    [
      "Beside silent connections a request to 06 costs what it costs alone;",
      "04 and 05 look at every one of them",
    ],
    "CPU time of the server for a request, µs; a line for each language",
    [
      ...ticks.map((tick) =>
        grid(`M${left} ${at(tick).toFixed(1)}H${right}`) +
        text(left - 8, at(tick) + 4, cell(tick), `text-anchor="end"`)
      ),
      ...silent.map((n) =>
        grid(`M${px(n).toFixed(1)} ${top}V${bottom}`) +
        text(px(n), bottom + 20, cell(n), `text-anchor="middle"`)
      ),
      text((left + right) / 2, bottom + 44, "silent connections beside one client", `text-anchor="middle"`),
      ...lines.map(({ points, style }) =>
        `<polyline class="line" ${style} points="${
          points.map(([n, cpu]) => `${px(n).toFixed(1)},${at(cpu).toFixed(1)}`).join(" ")
        }"/>`
      ),
      ...[...ends].map(([model, lines]) => {
        const y = lines.reduce((sum, { points }) => sum + at(points.at(-1)![1]), 0) / lines.length;
        return text(right + 8, y + 4, model, `class="strong"`);
      }),
    ],
  );
}

/** What a request costs in each model: a row for each language, in the same order everywhere. */
export function peersChart(figures: readonly Figure[]): string {
  const [left, right, row] = [96, WIDTH - 130, 18];
  const groups = MODELS.map((model) => ({
    model,
    rows: LANGUAGES.flatMap((language) => {
      const of = { quantity: "cpu at 10", model, language } as const;
      const cpu = value(figures, of);
      const own = PROGRAMS.find((program) => program.model === model && program.language === language)?.name;
      const name = model === "own server" && own ? own : language;
      return cpu === undefined ? [] : [{ name, language, cpu, toC: ratio(figures, of, inC(model)) }];
    }),
  })).filter(({ rows }) => rows.length > 0);
  if (groups.length === 0) return "";
  const { at, ticks } = scale(groups.flatMap(({ rows }) => rows.map(({ cpu }) => cpu)), left + 12, right);
  const parts: string[] = [];
  let y = 88;
  for (const { model, rows } of groups) {
    parts.push(text(12, y += row * 1.4, model, `class="strong"`));
    for (const { name, language, cpu, toC } of rows) {
      const said = `${cell(cpu)}${toC === undefined ? "" : `, ${times(toC)} × C`}`;
      y += row;
      parts.push(
        text(left, y, name, `text-anchor="end"`),
        grid(`M${left + 12} ${(y - 5).toFixed(1)}H${at(cpu).toFixed(1)}`),
        `<circle cx="${at(cpu).toFixed(1)}" cy="${(y - 5).toFixed(1)}" r="5" fill="${
          language === "C" ? "#8c959f" : "#0072b2"
        }"/>`,
        text(at(cpu) + 10, y, said),
      );
    }
  }
  return page(
    Math.ceil(y + 20),
    ["What a request costs the server, model by model"],
    "CPU time, µs; ten clients at once",
    [
      ...ticks.map((tick) =>
        grid(`M${at(tick).toFixed(1)} 80V${Math.ceil(y + 8)}`) +
        text(at(tick), 72, cell(tick), `text-anchor="middle"`)
      ),
      ...parts,
    ],
  );
}
