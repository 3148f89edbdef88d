/** The chart of `compare`, on light paper or dark, as the reader has it; costs on a logarithmic scale. */
import { figure, type Figures, subject } from "./figures.ts";
import { cell } from "./report.ts";
import { JUDGED } from "./verdicts.ts";

const [WIDTH, HEIGHT] = [560, 430];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, WIDTH - 116, 96, 370];

const text = (x: number, y: number, words: string, more = `text-anchor="start"`) =>
  `<text x="${x}" y="${y}" ${more}>${words}</text>`;
const [BEFORE, AMID, STRONG] = [`text-anchor="end"`, `text-anchor="middle"`, `class="strong"`];
/** A line of the grid, and what stands at it. */
const mark = (path: string, ...words: Parameters<typeof text>) =>
  `<path class="grid" d="${path}"/>\n${text(...words)}`;

/** Okabe and Ito's colours, which colour-blind readers can tell apart; in grey, dashes do. */
const LINES = [
  ["04-busy-poll", `stroke="#d55e00" stroke-dasharray="7 4"`],
  ["05-select", `stroke="#0072b2"`],
  ["06-epoll", `stroke="#009e73" stroke-dasharray="2 3"`],
] as const;

const SILENT = [0, 10, 100, 990];

/** How the cost of a request grows with the silent connections beside it: a line for each model and language. */
export function growthChart(figures: Figures): string {
  const lines = LINES.flatMap(([model, style]) =>
    JUDGED.map((language) => {
      const cost = (silent: number) => figure(figures, subject(model, `beside ${silent}`), language);
      return { model, style, costs: SILENT.flatMap((silent) => cost(silent) ?? []) };
    })
  ).filter(({ costs }) => costs.length === SILENT.length);
  const borneOut = lines.every(({ model, costs }) => costs[3] / costs[0] < 1.5 === (model === "06-epoll"));
  const title = borneOut
    ? ["Silent connections make a request to 04 and 05 dearer;", "to 06 it costs the same beside 990 of them"]
    : ["What a request costs beside silent connections"];

  const x = (i: number) => LEFT + i / 3 * (RIGHT - LEFT); // zero has a place of its own, a step left of the first value
  const costs = lines.flatMap(({ costs }) => costs);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const y = (cost: number) =>
    BOTTOM - Math.log(cost / least) / (Math.log(most / least) || 1) * (BOTTOM - TOP);
  const powers = [10, 100, 1000, 10_000, 100_000].filter((cost) => cost >= least && cost <= most);
  const drawn = [
    ...title.map((line, i) => text(12, 24 + i * 20, line, `class="title"`)),
    text(12, 26 + title.length * 20, "CPU time for it, µs, on a logarithmic scale; a line for each language"),
    ...powers.map((cost) => mark(`M${LEFT} ${y(cost)}H${RIGHT}`, LEFT - 8, y(cost) + 4, cell(cost), BEFORE)),
    ...SILENT.map((count, i) => mark(`M${x(i)} ${TOP}V${BOTTOM}`, x(i), BOTTOM + 20, cell(count), AMID)),
    text((LEFT + RIGHT) / 2, BOTTOM + 44, "silent connections beside one client", AMID),
    ...lines.flatMap(({ model, style, costs }, i) => {
      const points = costs.map((cost, i) => `${x(i)},${y(cost)}`).join(" ");
      const name = model === lines[i - 1]?.model ? "" : text(RIGHT + 8, y(costs[3]) + 4, model, STRONG);
      return [`<polyline class="line" ${style} points="${points}"/>`, name];
    }),
  ].join("\n");
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
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
