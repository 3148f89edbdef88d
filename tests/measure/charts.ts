/** The two charts of `compare`, on light paper or dark, as the reader has it; costs on a logarithmic scale. */
import { LANGUAGES, MODELS, PROGRAMS } from "../peers/programs.ts";
import { type Figure, short, value } from "./figures.ts";
import { cell, cost, times } from "./report.ts";
import { CLAIMS, judge, JUDGED } from "./verdicts.ts";

const WIDTH = 560;

/** A picture: what it shows, in lines, and what its values are stand above it. */
function page(height: number, title: readonly string[], values: string, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const head = title.map((line, i) => text(12, 24 + i * 20, line, `class="title"`));
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="15">
<title>${title.join(" ")}</title>
<style>
  svg { --paper: #ffffff; --ink: #24292f; --grid: #d0d7de }
  @media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --grid: #30363d } }
  text { fill: var(--ink); stroke: var(--paper); stroke-width: 4px; paint-order: stroke } .grid { stroke: var(--grid) }
  .title { font-size: 16px } .title, .strong { font-weight: 600 } .line { fill: none; stroke-width: 2 }
</style>
<rect fill="var(--paper)" width="100%" height="100%"/>
${[...head, text(12, 26 + title.length * 20, values), ...parts].join("\n")}
</svg>
`;
}

const px = (place: number) => place.toFixed(1);
const text = (x: number, y: number, words: string, more = `text-anchor="start"`) =>
  `<text x="${px(x)}" y="${px(y)}" ${more}>${words}</text>`;
const across = (x1: number, x2: number, y: number) =>
  `<path class="grid" d="M${px(x1)} ${px(y)}H${px(x2)}"/>`;
const down = (y1: number, y2: number, x: number) => `<path class="grid" d="M${px(x)} ${px(y1)}V${px(y2)}"/>`;

/** Where a cost stands; the scale goes from the least of them to the greatest, and has marks at the powers of ten. */
function scale(costs: readonly number[], from: number, to: number) {
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const at = (cost: number) => from + Math.log(cost / least) / (Math.log(most / least) || 1) * (to - from);
  const marks = [10, 100, 1000, 10_000, 100_000].filter((mark) => mark >= least && mark <= most);
  return { at, marks };
}

/** Okabe and Ito's colours, which colour-blind readers can tell apart; in grey, dashes do. */
const LINES = [
  ["04-busy-poll", `stroke="#d55e00" stroke-dasharray="7 4"`],
  ["05-select", `stroke="#0072b2"`],
  ["06-epoll", `stroke="#009e73" stroke-dasharray="2 3"`],
] as const;

/** How the cost of a request grows with the silent connections beside it: a line for each model and language, or "". */
export function growthChart(figures: readonly Figure[]): string {
  const [left, right, top, bottom] = [64, WIDTH - 116, 96, 370];
  // Zero has a place of its own, a step left of the first value.
  const places = [0, 10, 100, 990].map((silent, i) => ({ silent, x: left + i / 3 * (right - left) }));
  const lines = LINES.flatMap(([model, style]) =>
    JUDGED.map((language) => {
      const points = places.flatMap(({ silent, x }) => {
        const cpu = value(figures, `${short(model)} beside ${silent}`, language);
        return cpu === undefined ? [] : [{ x, cpu }];
      });
      return { model, style, points };
    }).filter(({ points }) => points.length > 0)
  );
  if (lines.length === 0) return "";
  const { at, marks } = scale(lines.flatMap(({ points }) => points.map(({ cpu }) => cpu)), bottom, top);
  const ends = [...Map.groupBy(lines, ({ model }) => model)].map(([model, lines]) => ({
    model,
    y: lines.reduce((sum, { points }) => sum + at(points.at(-1)!.cpu), 0) / lines.length,
  })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 18); // pushed apart

  const borneOut = CLAIMS.filter(([_, of]) => of.endsWith("beside 990"))
    .every((claim) => JUDGED.every((language) => judge(claim, figures, language)?.holds ?? true));
  const title = borneOut
    ? ["Silent connections make a request to 04 and 05 dearer;", "to 06 it costs the same beside 990 of them"]
    : ["What a request costs beside silent connections"];
  return page(bottom + 60, title, "CPU time of the server for it, µs; a line for each language", [
    ...marks.flatMap((mark) => [
      across(left, right, at(mark)),
      text(left - 8, at(mark) + 4, cell(mark), `text-anchor="end"`),
    ]),
    ...places.flatMap(({ silent, x }) => [
      down(top, bottom, x),
      text(x, bottom + 20, cell(silent), `text-anchor="middle"`),
    ]),
    text((left + right) / 2, bottom + 44, "silent connections beside one client", `text-anchor="middle"`),
    ...lines.map(({ points, style }) =>
      `<polyline class="line" ${style} points="${
        points.map(({ x, cpu }) => `${px(x)},${px(at(cpu))}`).join(" ")
      }"/>`
    ),
    ...ends.map(({ model, y }) => text(right + 8, y + 4, model, `class="strong"`)),
  ]);
}

/** What a request costs in each model: a row for each language, in the same order everywhere. */
export function peersChart(figures: readonly Figure[]): string {
  const [left, right, row] = [96, WIDTH - 136, 19];
  const found = MODELS.flatMap((model) =>
    LANGUAGES.flatMap((language) => {
      const { cpu, toC } = cost(figures, model, language);
      return cpu === undefined ? [] : [{ model, language, cpu, toC }];
    })
  );
  const { at, marks } = scale(found.map(({ cpu }) => cpu), left + 12, right);
  let y = 88;
  const rows = [...Map.groupBy(found, ({ model }) => model)].flatMap(([model, members]) => [
    text(12, y += row * 1.4, model, `class="strong"`),
    ...members.flatMap(({ language, cpu, toC }) => {
      const own = PROGRAMS.find((program) => program.model === "own server" && program.language === language);
      const said = toC === undefined || toC === 1 ? cell(cpu) : `${cell(cpu)}, ${times(toC)} C`;
      const color = language === "C" ? "#8c959f" : "#0072b2";
      y += row;
      return [
        text(left, y, (model === "own server" && own?.name) || language, `text-anchor="end"`),
        across(left + 12, at(cpu), y - 5),
        `<circle cx="${px(at(cpu))}" cy="${px(y - 5)}" r="5" fill="${color}"/>`,
        text(at(cpu) + 10, y, said),
      ];
    }),
  ]);
  const grid = marks.flatMap((mark) => [
    down(80, y + 8, at(mark)),
    text(at(mark), 72, cell(mark), `text-anchor="middle"`),
  ]);
  const values = "CPU time of the server, µs; ten clients at once";
  return page(Math.ceil(y + 20), ["What a request costs, model by model"], values, [...grid, ...rows]);
}
