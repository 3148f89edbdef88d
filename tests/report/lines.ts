/** Line charts: panels, two in a row, and lines with their names at the end; both axes logarithmic. */
import { escape, page, palette, short } from "./svg.ts";

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

const WIDTH = 480; // of a panel
const HEIGHT = 300;
const LEFT = 64;
const RIGHT = 128; // room for the names at the lines' ends
const TOP = 36;
const HEAD = 44; // the title, above all panels
const BOTTOM = 48;

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
    const parts = [`<text x="${LEFT}" y="${TOP - 12}" class="strong">${escape(title)}</text>`];
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
        `<path d="${path}" class="line" ${palette(style)}/>`,
      );
      for (const [x, y] of points) {
        parts.push(
          `<circle cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3" class="dot" ${palette(style)}/>`,
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
        }" class="line lead" ${palette(style)}/>`,
        `<text x="${(x + 18).toFixed(1)}" y="${below.toFixed(1)}" dy="4" class="strong">${name}</text>`,
      );
    }
    const [column, row] = [index % 2, Math.floor(index / 2)];
    return `<g transform="translate(${column * WIDTH} ${HEAD + row * HEIGHT})">${parts.join("\n")}</g>`;
  };

  const columns = Math.min(panels.length, 2);
  return page(
    WIDTH * columns,
    HEAD + HEIGHT * Math.ceil(panels.length / columns),
    title,
    y,
    panels.map(panel).join("\n"),
  );
}
