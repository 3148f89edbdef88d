/** Two pictures of the recordings: who sleeps and who is awake, to scale of time; and one frozen instant. */
import { type Line, readLine } from "../support/trace.ts";
import { type State, states } from "./model.ts";
import type { Recording } from "./record.ts";
import { escape, scene, SCENE_DEFS } from "./scene.ts";
import { anchors, title, WORDS } from "./words.ts";

/** A recording, with all that follows from it. */
interface Told extends Omit<Recording, "lines"> {
  readonly lines: Line[];
  readonly states: State[];
  readonly anchors: Record<string, number>;
  readonly children: string[];
}

/** The runs of the six lessons, with their states. */
function tell(recordings: readonly Recording[]): Told[] {
  return recordings.filter(({ experiment }) => !experiment).map((recording) => {
    const lines = recording.lines.flatMap(readLine);
    const all = states(lines);
    const children = [...new Set(all.flatMap(({ processes }) => processes.map(({ name }) => name)))];
    return {
      ...recording,
      lines,
      states: all,
      anchors: anchors(lines, all),
      children: children.filter((name) => name !== "main"),
    };
  });
}

const CSS = await Deno.readTextFile(new URL("scene.css", import.meta.url));
const STYLE = `
.scene text.title { font: 600 15px system-ui, sans-serif } .scene text.strong { font: 600 13px system-ui, sans-serif } .scene text.small { font: 11px system-ui, sans-serif } .scene text.dim { fill: var(--dim) }
.lane { stroke: var(--dim); stroke-dasharray: 2 3 } .run { fill: var(--amber) } .frame { fill: none; stroke: var(--line) }
.wakes { stroke: var(--ref); fill: none; marker-end: url(#to) } .answers { stroke: var(--green); stroke-width: 1.5; fill: none; marker-end: url(#answer) } #answer path { fill: var(--green) }
.connects { fill: var(--ref) } .closes { fill: var(--paper); stroke: var(--ref) } .sends { fill: var(--green) }
.scene text.number { font: 600 8px system-ui, sans-serif; fill: var(--paper); text-anchor: middle } .scene text.closes { fill: var(--ref); stroke: none }
`;
const DEFS = SCENE_DEFS.replace(
  "</defs>",
  SCENE_DEFS.replace(/<\/?defs>/g, "").replace('id="to"', 'id="answer"') + "</defs>",
);

function svg(width: number, height: number, name: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${
    Math.ceil(height)
  }" class="scene" font-family="system-ui, sans-serif" font-size="12">
<title>${escape(name)}</title>
<style>
${CSS}${STYLE}</style>
${DEFS}
<rect width="100%" height="100%" style="fill: var(--paper)"/>
${content}
</svg>
`;
}

const text = (x: number, y: number, words: string, kind = "small") =>
  `<text x="${r(x)}" y="${r(y)}" class="${kind}">${escape(words)}</text>`;
const r = (value: number) => Number(value.toFixed(1));

/** Of each thread, when it is awake, from … to, ms. */
function awake({ lines, states: all }: Told): Map<string, [from: number, to: number][]> {
  const found = new Map<string, [number, number][]>();
  lines.forEach(({ time }, i) => {
    const end = lines[i + 1]?.time ?? time;
    for (const { name, inside, woken } of all[i + 1].threads) {
      const spans = found.get(name) ?? [];
      found.set(name, spans);
      if (inside?.sleeps && !woken) continue;
      if (spans.at(-1)?.[1] === time) spans.at(-1)![1] = end;
      else spans.push([time, end]);
    }
  });
  return found;
}

/** What becomes of the client that asks, and what the server has needed for all of it. */
function outcome({ lines, anchors, rests }: Told): [answer: string, cost: string] {
  const [asked, answered] = [lines[anchors.fifth - 1], lines[anchors.answer - 1]];
  const left = lines.slice(anchors.fifth, anchors.answer).find(({ call }) => call === "closes");
  const [first, last] = [rests[0].seen, rests.at(-1)!.seen];
  const ms = (value: number) =>
    value < 1000 ? `${Number(value.toPrecision(2))} ms` : `${(value / 1000).toFixed(1)} s`;
  return [
    `client 5 is answered after ${ms(answered.time - asked.time)}${
      left ? `, when ${left.who} has left` : ""
    }`,
    `processor time: ${ms(1000 * (last.cpu - first.cpu))} in ${(last.at - first.at).toFixed(1)} s`,
  ];
}

const LANE = 12;
/** Between the clients' marks and the first lane. */
const MARKS = 12;

/** A span of time, drawn from `x` on; the clients' marks at `y`, the lanes below. */
interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly from: number;
  readonly to: number;
}

const isMark = ({ who }: Line) => who.startsWith("client");

/** What happens in one run within a window: who is awake, what clients do, whom that wakes, who answers. */
function draw(told: Told, { x, y, width, from, to }: Window, answers: boolean): string {
  const at = (time: number) => r(x + (time - from) / (to - from) * width);
  const within = (time: number) => time >= from && time <= to;
  const { lines, states: all } = told;
  const spans = awake(told);
  const middle = (who: string) => y + MARKS + [...spans.keys()].indexOf(who) * LANE + LANE / 2;
  const [bars, arrows, marks]: string[][] = [[], [], []];
  for (const [who, awakes] of spans) {
    const there = all.map(({ threads }) => threads.some(({ name }) => name === who));
    const begin = Math.max(lines[there.indexOf(true) - 1].time, from);
    const end = Math.min(there.at(-1) ? to : lines[there.lastIndexOf(true)].time, to);
    if (begin < end) bars.push(`<path class="lane" d="M${at(begin)} ${middle(who)}H${at(end)}"/>`);
    if (joins(told, who)) continue;
    for (const [start, stop] of awakes) {
      const [a, b] = [Math.max(start, from), Math.min(stop, to)];
      if (a > b) continue;
      const wide = Math.max(r(at(b) - at(a)), 1.2);
      bars.push(`<rect class="run" x="${at(a)}" y="${middle(who) - 4}" width="${wide}" height="8"/>`);
    }
  }
  lines.forEach((line, i) => {
    if (!within(line.time)) return;
    if (isMark(line)) {
      const woken = all[i + 1].threads.find(({ name, woken }) =>
        woken && !all[i].threads.find((old) => old.name === name)?.woken
      );
      if (woken) {
        arrows.push(`<path class="wakes" d="M${at(line.time)} ${y + 5}V${middle(woken.name) - 5}"/>`);
      }
      marks.push(
        `<circle class="${line.call}" cx="${
          at(line.time)
        }" cy="${y}" r="5.5"/><text class="number ${line.call}" x="${at(line.time)}" y="${y + 3}">${
          line.who.split(" ")[1]
        }</text>`,
      );
    }
    if (line.call === "send" && answers) {
      arrows.push(`<path class="answers" d="M${at(line.time)} ${middle(line.who) - 4}V${y - 4}"/>`);
    }
  });
  return [...bars, ...arrows, ...marks].join("\n");
}

/** The main thread of 03 sleeps in no call of the lesson's: it awaits its threads. */
const joins = ({ lesson }: Told, who: string) => lesson === "03-thread-pool" && who === "main";

/** The story to scale of time: `wide`, the lenses stand beside it, else below. */
function story(all: readonly Told[], wide: boolean): string {
  const [width, names] = [wide ? 860 : 420, 62];
  const lensWidth = wide ? 130 : (width - names - 22) / 2;
  const lineWidth = wide ? width - names - 2 * lensWidth - 50 : width - names - 14;
  const ends = all.map(({ lines }) => lines.filter(isMark)).map((
    marks,
  ) => [marks[0].time - 50, marks.at(-1)!.time + 50]);
  const whole = Math.max(...ends.map(([from, to]) => to - from));
  const lenses = (["connects", "sends"] as const).map((call) => {
    const starts = all.map(({ lines }) =>
      lines.findIndex((line) => line.who === "client 5" && line.call === call)
    );
    const needs = all.map(({ lines }, i) => {
      const next = lines.findIndex((line, j) => j > starts[i] && isMark(line));
      const last = lines.slice(starts[i] + 1, next).findLast(({ count }) => count === undefined);
      return (last?.time ?? 0) - lines[starts[i]].time;
    });
    const ms = [2, 5, 10, 20, 50, 100, 200, 500].find((ms) => ms >= Math.max(...needs))!;
    return { says: call === "sends" ? "client 5 asks" : "client 5 connects", starts, ms };
  });
  const name = "Five clients at six servers, to scale of time";
  const parts = [text(12, 22, name, "title"), legend(12, 42, wide)];
  let y = wide ? 62 : 80;
  all.forEach((told, index) => {
    const rows = [...awake(told).keys()];
    const [answer, cost] = outcome(told);
    parts.push(text(12, y + 10, WORDS.titles[told.id][0].split(":")[0], "strong"));
    if (wide) parts.push(text(136, y + 10, `${answer}; ${cost}`));
    else parts.push(text(12, y + 25, answer), text(12, y + 39, cost));
    const top = y + (wide ? 27 : 56);
    const lanesTop = top + MARKS;
    rows.forEach((who, i) =>
      parts.push(text(12, lanesTop + i * LANE + 10, title(who, told.children), "small dim"))
    );
    const [from] = ends[index];
    const late = told.anchors.answer - told.anchors.fifth > 10 && told.lesson === "03-thread-pool";
    parts.push(draw(told, { x: names, y: top, width: lineWidth, from, to: from + whole }, late));
    const lensTop = wide ? top : lanesTop + rows.length * LANE + 32;
    lenses.forEach(({ says, starts, ms }, i) => {
      const x = wide ? width - (2 - i) * (lensWidth + 12) : names + i * (lensWidth + 8);
      const start = told.lines[starts[index]].time;
      parts.push(
        `<rect class="frame" x="${r(x)}" y="${lensTop - 10}" width="${r(lensWidth)}" height="${
          rows.length * LANE + MARKS + 14
        }" rx="4"/>`,
        draw(told, { x: x + 9, y: lensTop, width: lensWidth - 16, from: start, to: start + ms }, true),
      );
      if (index === 0 || !wide) parts.push(text(x, lensTop - 15, `${says}: ${ms} ms`, "small dim"));
      if (told.states[starts[index] + 1].threads.every(({ woken, spins }) => !woken && spins === 0)) {
        parts.push(text(x + 24, lensTop + 4, "nobody wakes"));
      }
    });
    y = lanesTop + rows.length * LANE + (wide ? 14 : 32 + MARKS + rows.length * LANE + 18);
  });
  parts.push(text(names, y + 4, `${(whole / 1000).toFixed(1)} s, the same scale for all six`, "small dim"));
  return svg(width, y + 16, name, parts.join("\n"));
}

function legend(x: number, y: number, wide: boolean): string {
  const items: [string, number, string][] = [
    [`<circle class="connects" cx="6" cy="-4" r="5.5"/>`, 16, "connects"],
    [`<circle class="sends" cx="6" cy="-4" r="5.5"/>`, 16, "asks"],
    [`<circle class="closes" cx="6" cy="-4" r="5.5"/>`, 16, "closes"],
    [`<path class="wakes" d="M5 -11V1"/>`, 14, "wakes"],
    [`<path class="answers" d="M5 1V-11"/>`, 14, "answers"],
    [`<rect class="run" x="0" y="-8" width="14" height="8"/>`, 20, "awake"],
    [`<path class="lane" d="M0 -4H16"/>`, 20, "asleep"],
  ];
  let [left, top] = [x, y];
  return items.map(([shape, width, word], i) => {
    if (!wide && i === 3) [left, top] = [x, y + 18];
    const drawn = `<g transform="translate(${r(left)} ${top})">${shape}${text(width, 0, word)}</g>`;
    left += width + word.length * 6 + 16;
    return drawn;
  }).join("\n");
}

/** The frozen instant: client 5 has just asked. */
function instant(all: readonly Told[], columns: number): string {
  const width = 420;
  const parts = [
    text(12, 22, "Client 5 has just asked: who sleeps, who wakes, what the kernel holds", "title"),
  ];
  let y = 40;
  for (let row = 0; row < all.length; row += columns) {
    const heights = all.slice(row, row + columns).map((told, column) => {
      const x = 12 + column * (width + 16);
      const step = told.anchors.fifth;
      const [before, state] = [told.states[step - 1], told.states[step]];
      const woken = state.threads.find(({ woken }) => woken);
      const spins = state.threads.some(({ spins }) => spins > 0);
      const says = woken
        ? `the bytes wake ${title(woken.name, told.children)}`
        : spins
        ? "nobody sleeps: the next turn finds the bytes"
        : "the bytes wake nobody";
      const own = [
        text(x, y + 14, WORDS.titles[told.id][0].split(":")[0], "strong"),
        text(x + 122, y + 14, says),
      ];
      let top = y + 22;
      for (const [place, who] of sleepers(told, state)) {
        const code = told.source.split("\n")[Number(place) - 1].replace(/ *\/\/.*/, "").trim();
        const short = code.length > 52 ? `${code.slice(0, 51)}…` : code;
        own.push(text(x, top + 12, `${place}  ${short}`, "code"), text(x + 20, top + 26, who, "small dim"));
        top += 32;
      }
      const drawn = scene(before, state, { lang: 0, width, children: told.children });
      own.push(`<g transform="translate(${x} ${top + 4})">${drawn.svg}</g>`);
      parts.push(...own);
      return top + 4 + drawn.height - y;
    });
    y += Math.max(...heights) + 18;
  }
  return svg(
    12 + columns * (width + 16),
    y,
    "The instant at which client 5 has just asked, in six servers",
    parts.join("\n"),
  );
}

/** By line of the lesson, who is there. */
function sleepers(told: Told, { threads }: State): Map<string, string> {
  const at = new Map<string, string[]>();
  const awaits = told.source.split("\n").findIndex((text) => text.includes("await Promise.race")) + 1;
  for (const { name, place, inside, woken, spins } of threads) {
    const kind = woken
      ? "▸ woken:"
      : inside?.sleeps || joins(told, name)
      ? "☾"
      : spins > 0
      ? "▸ awake, by turns:"
      : "▸";
    const lines = joins(told, name) ? [`${awaits}`] : place.split(":")[1].split(",");
    for (const line of lines) {
      at.set(line, [...at.get(line) ?? [], `${kind} ${title(name, told.children)}`]);
    }
  }
  return new Map(
    [...at].sort(([a], [b]) => Number(a) - Number(b)).map(([line, who]) => [line, who.join("   ")]),
  );
}

/** The pictures by their names. */
export function pictures(recordings: readonly Recording[]): Record<string, string> {
  const all = tell(recordings);
  return {
    story: story(all, true),
    "story-narrow": story(all, false),
    inside: instant(all, 2),
    "inside-narrow": instant(all, 1),
  };
}
