/** Line charts as SVG: one panel a runtime, one line a lesson, both axes logarithmic. Readable on light and dark. */

export interface Series {
  /** Stands at the line's end. */
  name: string;
  /** Which colour and dash: 0 to 5. */
  style: number;
  points: readonly (readonly [x: number, y: number])[];
}
export interface Panel {
  title: string;
  series: readonly Series[];
}
export interface Chart {
  title: string;
  /** Axis labels, with units. */
  x: string;
  y: string;
  /** The values that the x axis names. 0 stands left of the logarithmic scale. */
  ticks: readonly number[];
  panels: readonly Panel[];
}

/** Okabe and Ito's palette, which colour-blind readers can tell apart; the dashes help too. */
const COLORS = ["#d55e00", "#cc79a7", "#009e73", "#e69f00", "#0072b2", "#56b4e9"];
const DASHES = ["", "6 3", "2 3", "9 3 2 3", "", "4 2"];

const WIDTH = 480; // of a panel
const HEIGHT = 340;
const LEFT = 64;
const RIGHT = 128; // room for the names at the lines' ends
const TOP = 76;
const BOTTOM = 48;

const short = (value: number) =>
  value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : `${Number(value.toPrecision(2))}`;
const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Draw a chart. */
export function draw({ title, x, y, ticks, panels }: Chart): string {
  const values = panels.flatMap((panel) =>
    panel.series.flatMap(({ points }) => points.map(([, value]) => value))
  );
  const bottom = Math.floor(Math.log10(Math.min(...values)));
  const top = Math.max(bottom + 1, Math.ceil(Math.log10(Math.max(...values))));
  // Zero gets a place of its own, one step left of the first value.
  const logX = (value: number) => value === 0 ? Math.log10(ticks[1]) - 0.7 : Math.log10(value);
  const [first, last] = [logX(ticks[0]), logX(ticks.at(-1)!)];
  const px = (value: number) => LEFT + (logX(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT);
  const py = (value: number) => TOP + (top - Math.log10(value)) / (top - bottom) * (HEIGHT - TOP - BOTTOM);

  const panel = ({ title, series }: Panel, index: number) => {
    const parts = [`<text x="${LEFT}" y="${TOP - 12}" class="panel">${escape(title)}</text>`];
    for (let power = bottom; power <= top; power++) {
      const at = py(10 ** power).toFixed(1);
      parts.push(`<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>`);
      parts.push(`<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${short(10 ** power)}</text>`);
    }
    for (const tick of ticks) {
      const at = px(tick).toFixed(1);
      parts.push(`<path class="grid" d="M${at} ${TOP}V${HEIGHT - BOTTOM}"/>`);
      parts.push(`<text x="${at}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${short(tick)}</text>`);
    }
    parts.push(
      `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escape(x)}</text>`,
    );
    for (const { points, style } of series) {
      const path = points.map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join(
        "",
      );
      parts.push(
        `<path d="${path}" class="line" stroke="${COLORS[style]}" stroke-dasharray="${DASHES[style]}"/>`,
      );
      for (const [x, y] of points) {
        parts.push(
          `<circle cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3" fill="${COLORS[style]}"/>`,
        );
      }
    }
    // Names at the ends, pushed apart where they would touch, each with a piece of its line.
    let below = -Infinity;
    const ends = series.filter(({ points }) => points.length > 0)
      .map(({ name, style, points }) => ({ name, style, x: px(points.at(-1)![0]), y: py(points.at(-1)![1]) }))
      .sort((a, b) => a.y - b.y);
    for (const { name, style, x, y } of ends) {
      below = Math.max(y, below + 14);
      parts.push(
        `<path d="M${x.toFixed(1)} ${y.toFixed(1)}L${(x + 14).toFixed(1)} ${
          below.toFixed(1)
        }" class="line lead" stroke="${COLORS[style]}"/>`,
        `<text x="${(x + 18).toFixed(1)}" y="${below.toFixed(1)}" dy="4" class="name">${name}</text>`,
      );
    }
    return `<g transform="translate(${index * WIDTH} 0)">${parts.join("\n")}</g>`;
  };

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${
    WIDTH * panels.length
  } ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<title>${escape(title)}</title>
<style>
  .paper { fill: #ffffff } text { fill: #24292f } .grid { stroke: #d0d7de; fill: none }
  .line { fill: none; stroke-width: 2 } .lead { stroke-width: 1 } .title { font-size: 15px; font-weight: 600 } .panel, .name { font-weight: 600 }
  @media (prefers-color-scheme: dark) { .paper { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d } }
</style>
<rect class="paper" width="100%" height="100%"/>
<text x="12" y="22" class="title">${escape(title)}</text>
<text x="12" y="40">${escape(y)}</text>
${panels.map(panel).join("\n")}
</svg>
`;
}
