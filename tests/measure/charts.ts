/** The two charts of `compare`, on light paper or dark, as the reader has it; costs on a logarithmic scale. */
import { MODELS, PROGRAMS } from "../peers/programs.ts";
import { figure, type Figures, subject } from "./figures.ts";
import { cell, cost, times } from "./report.ts";
import { JUDGED } from "./verdicts.ts";

const WIDTH = 560;

/** A picture: what it shows, in lines, and what its values are stand above it. */
function page(height: number, title: readonly string[], values: string, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const head = title.map((line, i) => text(12, 24 + i * 20, line, `class="title"`));
  const drawn = [...head, text(12, 26 + title.length * 20, values), ...parts].join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="15">
<title>${title.join(" ")}</title>
<style>
  svg { --paper: #ffffff; --ink: #24292f; --grid: #d0d7de }
  @media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --grid: #30363d } }
  text { fill: var(--ink); stroke: var(--paper); stroke-width: 4px; paint-order: stroke } .grid { stroke: var(--grid) }
  .title { font-size: 16px } .title, .strong { font-weight: 600 } .line { fill: none; stroke-width: 2 }
</style>
<rect fill="var(--paper)" width="100%" height="100%"/>
${drawn.replace(/\d+\.\d{3,}/g, (place) => Number(place).toFixed(1))}
</svg>
`;
}

const text = (x: number, y: number, words: string, more = `text-anchor="start"`) =>
  `<text x="${x}" y="${y}" ${more}>${words}</text>`;
const [BEFORE, AMID, STRONG] = [`text-anchor="end"`, `text-anchor="middle"`, `class="strong"`];
/** A line of the grid, and what stands at it. */
const mark = (path: string, ...words: Parameters<typeof text>) =>
  `<path class="grid" d="${path}"/>\n${text(...words)}`;

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

const SILENT = [0, 10, 100, 990];

/** How the cost of a request grows with the silent connections beside it: a line for each model and language. */
export function growthChart(figures: Figures): string {
  const [left, right, top, bottom] = [64, WIDTH - 116, 96, 370];
  const x = (i: number) => left + i / 3 * (right - left); // zero has a place of its own, a step left of the first value
  const lines = LINES.flatMap(([model, style]) =>
    JUDGED.map((language) => {
      const cost = (silent: number) => figure(figures, subject(model, `beside ${silent}`), language);
      return { model, style, costs: SILENT.flatMap((silent) => cost(silent) ?? []) };
    })
  ).filter(({ costs }) => costs.length === SILENT.length);
  const { at, marks } = scale(lines.flatMap(({ costs }) => costs), bottom, top);
  const borneOut = lines.every(({ model, costs }) => costs[3] / costs[0] < 1.5 === (model === "06-epoll"));
  const title = borneOut
    ? ["Silent connections make a request to 04 and 05 dearer;", "to 06 it costs the same beside 990 of them"]
    : ["What a request costs beside silent connections"];
  return page(bottom + 60, title, "CPU time of the server for it, µs; a line for each language", [
    ...marks.map((cost) => mark(`M${left} ${at(cost)}H${right}`, left - 8, at(cost) + 4, cell(cost), BEFORE)),
    ...SILENT.map((count, i) => mark(`M${x(i)} ${top}V${bottom}`, x(i), bottom + 20, cell(count), AMID)),
    text((left + right) / 2, bottom + 44, "silent connections beside one client", AMID),
    ...lines.flatMap(({ model, style, costs }, i) => {
      const points = costs.map((cost, i) => `${x(i)},${at(cost)}`).join(" ");
      const name = model === lines[i - 1]?.model ? "" : text(right + 8, at(costs[3]) + 4, model, STRONG);
      return [`<polyline class="line" ${style} points="${points}"/>`, name];
    }),
  ]);
}

/** What a request costs in each model: a row for each language, in the same order everywhere. */
export function peersChart(figures: Figures): string {
  const [left, right, row] = [96, WIDTH - 136, 19];
  const costs = PROGRAMS.map(({ model, language }) => cost(figures, model, language));
  const { at, marks } = scale(costs.flatMap(({ cpu }) => cpu ?? []), left + 12, right);
  let y = 88;
  const rows = MODELS.flatMap((of) => [
    text(12, y += row * 1.4, of, STRONG),
    ...PROGRAMS.flatMap(({ model, language, name }, i) => {
      const { cpu, toC } = costs[i];
      if (model !== of || cpu === undefined) return [];
      y += row;
      return [
        mark(`M${left + 12} ${y - 5}H${at(cpu)}`, left, y, model === "own server" ? name : language, BEFORE),
        `<circle cx="${at(cpu)}" cy="${y - 5}" r="5" fill="${language === "C" ? "#8c959f" : "#0072b2"}"/>`,
        text(at(cpu) + 10, y, toC === undefined || toC === 1 ? cell(cpu) : `${cell(cpu)}, ${times(toC)} C`),
      ];
    }),
  ]);
  const columns = marks.map((cost) => mark(`M${at(cost)} 80V${y + 8}`, at(cost), 72, cell(cost), AMID));
  const values = "µs of the server's CPU time, ten clients at once; ÷ C round by round";
  return page(Math.ceil(y + 20), ["What a request costs, model by model"], values, [...columns, ...rows]);
}
