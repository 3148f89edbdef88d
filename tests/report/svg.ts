/** What the charts have in common: paper and colours, readable on light and on dark. */

/** Okabe and Ito's palette, which colour-blind readers can tell apart; the dashes help too. */
const COLORS = ["#d55e00", "#cc79a7", "#009e73", "#e69f00", "#0072b2", "#56b4e9"];
const DASHES = ["", "6 3", "2 3", "9 3 2 3", "", "4 2"];

/** The attributes of a line or a dot: style 0 to 5. */
export function palette(style: number): string {
  return `style="--color: ${COLORS[style]}" stroke-dasharray="${DASHES[style]}"`;
}

/** A number as an axis names it: 10k. */
export function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 ? `${value / 1e3}k` : `${Number(value.toPrecision(2))}`;
}

/** Text for SVG. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** A picture with a title and what its values are. */
export function page(width: number, height: number, title: string, values: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>${escape(title)}</title>
<style>
  .paper { fill: #ffffff } text { fill: #24292f; stroke: #ffffff; stroke-width: 4px; paint-order: stroke } .grid { stroke: #d0d7de; fill: none }
  .line { fill: none; stroke: var(--color); stroke-width: 2 } .lead { stroke-width: 1; stroke-dasharray: none } .dot { fill: var(--color) }
  .title { font-size: 15px; font-weight: 600 } .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) { .paper { fill: #0d1117 } text { fill: #e6edf3; stroke: #0d1117 } .grid { stroke: #30363d } }
</style>
<rect class="paper" width="100%" height="100%"/>
<text x="12" y="22" class="title">${escape(title)}</text>
<text x="12" y="40">${escape(values)}</text>
${content}
</svg>
`;
}
