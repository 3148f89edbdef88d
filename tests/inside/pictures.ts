/** Two pictures of the recordings, each of six panels: who sleeps and who is awake, to scale of time; and one frozen instant. */
import { isClient } from "../support/trace_lines.ts";
import { asleep } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { drawing, escape, frame, move, r, scene, signed, text } from "./scene.ts";
import { named } from "./words.ts";

const CSS = await Deno.readTextFile(new URL("scene.css", import.meta.url));

/** A part of a picture. */
interface Panel {
  readonly svg: string;
  readonly height: number;
}
const GAP = 20; // between panels

/** So many panels in a row, below a name and a legend. */
function picture(name: string, legend: Panel, panels: Panel[], columns: number, width: number): string {
  const rows = panels.flatMap((_, i) => i % columns === 0 ? [panels.slice(i, i + columns)] : []);
  let [svg, y] = [text(GAP, 24, name, "title"), 40];
  for (const row of [[legend], ...rows]) {
    svg += row.map((panel, column) => move(GAP + column * (width + GAP), y, panel.svg)).join("");
    y += Math.max(...row.map(({ height }) => height && height + 18));
  }
  const style = `<title>${escape(name)}</title>\n<style>\n${CSS}</style>\n`;
  return drawing(columns * (width + GAP) + GAP, y, style + svg);
}

const LANE = 12; // height of a thread's lane
const MARKS = 12; // between the clients' marks and the first lane
const LENS = 20; // ms

const short = ({ title }: Run) => title.split(":")[0];
/** All threads of a run, in the order in which they came. */
const threadsOf = ({ states }: Run) => [
  ...new Set(states.flatMap(({ threads }) => threads.map(({ name }) => name))),
];

const FILLS: Record<string, string> = { connects: "blue", sends: "green", closes: "paper" };
const mark = (call: string, number = "") => {
  const colors = `--fill:var(--${FILLS[call]});--edge:var(--${call === "sends" ? "green" : "blue"})`;
  const text = `<text y="3" font-size="8" font-weight="600" text-anchor="middle" class="on-${FILLS[call]}">`;
  return `<circle style="${colors}" r="5.5"/>${text}${number}</text>`;
};
const arrow = (x: number, from: number, to: number, kind = "") =>
  `<path class="arrow ${kind}" d="M${r(x)} ${r(from)}V${r(to)}"/>`;
const lane = (kind: string, from: number, y: number, to: number) =>
  to > from ? `<path class="${kind}" d="M${r(from)} ${y}H${r(to)}"/>` : "";

const LEGEND = [
  [mark("connects"), "connects"],
  [mark("sends"), "asks"],
  [mark("closes"), "closes"],
  [arrow(0, -7, 5), "wakes"],
  [arrow(0, 5, -7, "answers"), "answers"],
  [lane("awake", -8, 0, 8), "awake"],
  [lane("asleep", -8, 0, 8), "asleep"],
].map(([sign, word], i) => move(i % 4 * 84, Math.floor(i / 4) * 18, move(8, 6, sign) + text(22, 10, word)));

/** So many ms from `from` on: who is awake, what clients do, whom that wakes, who answers. */
function timeline(run: Run, width: number, from: number, ms: number): string {
  const names = threadsOf(run);
  const at = (time: number) => Math.min(Math.max((time - from) / ms, 0), 1) * width;
  const middle = (who: string) => MARKS + names.indexOf(who) * LANE + LANE / 2;
  let [lanes, bars, arrows, marks, last] = ["", "", "", "", -Infinity];
  run.lines.forEach((line, i) => {
    const state = run.states[i + 1];
    const next = run.lines[i + 1]?.time ?? Infinity;
    if (line.time > from + ms || next < from) return;
    const [begin, end] = [line.time, next].map(at);
    for (const thread of state.threads) {
      const y = middle(thread.name);
      if (asleep(thread)) lanes += lane("asleep", begin, y, end);
      else bars += lane("awake", begin, y, Math.max(end, begin + 1.2));
    }
    if (line.time < from) return;
    if (line.call === "send") arrows += arrow(begin - 3, middle(line.who) - 4, -4, "answers");
    if (!isClient(line)) return;
    const { woken } = state;
    if (woken) arrows += arrow(begin, 5, middle(woken.name) - 5);
    marks += move(begin, begin - last < 12 ? -12 : 0, mark(line.call, line.who.split(" ")[1])); // else it hides another
    last = begin;
  });
  return `${lanes}${bars}${arrows}${marks}\n`;
}

/** A run of `ms`, and the first moments after client 5 connects and asks, as with a lens. */
function story(run: Run, ms: number, width: number): Panel {
  const { anchors, lines, states, recorded: { rests } } = run;
  const wait = lines[anchors.answer - 1].time - lines[anchors.fifth - 1].time;
  const freed = lines.slice(anchors.fifth, anchors.answer).find(({ call }) => call === "closes");
  const leaves = freed ? `, when ${freed.who} has left` : "";
  const [first, last] = [rests[0].seen, rests.at(-1)!.seen];
  const [cpu, time] = [last.cpu - first.cpu, last.at - first.at];
  const names = threadsOf(run);
  const [x, y, height] = [52, 68, names.length * LANE + MARKS];
  const starts: [string, number][] = [
    ["connects", lines.findIndex(({ who, call }) => who === "client 5" && call === "connects")],
    freed ? ["is answered", lines.indexOf(freed)] : ["asks", anchors.fifth - 1],
  ];
  const lenses = starts.map(([does, start], i) => {
    const wide = (width - x - 8) / 2;
    const idle = states[start + 1].threads.every(asleep);
    const drawn = frame("lens", -9, -20, wide, height + 24) +
      timeline(run, wide - 16, lines[start].time, LENS);
    const words = text(-9, -25, `client 5 ${does}: ${LENS} ms`, "dim") +
      (idle ? text(16, 4, "nobody wakes") : "");
    return move(x + 9 + i * (wide + 8), y + height + 42, drawn + words);
  });
  const svg = [
    text(0, 12, short(run), "head"),
    text(0, 28, `client 5 is answered after ${Number(wait.toPrecision(2))} ms${leaves}`),
    text(0, 42, `processor time in the whole run of ${time.toPrecision(2)} s: ${cpu.toPrecision(2)} s`),
    ...names.map((who, i) => text(0, y + MARKS + i * LANE + 10, named(who, run.state), "dim")),
    move(x, y, timeline(run, width - x, lines.find(isClient)!.time - 50, ms)),
    ...lenses,
  ];
  return { svg: svg.join(""), height: y + 2 * height + 48 };
}

/** The frozen instant: client 5 has just asked. By line of the lesson, who is there; and what the kernel holds. */
function instant(run: Run, width: number): Panel {
  const [before, state] = run.states.slice(run.anchors.fifth - 1);
  const { woken } = state;
  const spins = state.threads.some(({ does }) => does === "spins");
  const wakes = `the bytes wake ${woken ? named(woken.name, state) : "nobody"}`;
  let svg = text(0, 14, short(run), "head") +
    text(0, 30, spins ? "nobody sleeps: the next turn finds the bytes" : wakes);
  let y = 36;
  const long = Math.floor(width / 7);
  const places = state.threads.filter(({ does }) => does !== "starts" && does !== "joins").flatMap((thread) =>
    thread.place.split(":")[1].split(",").map((number) => ({ number, who: signed(state, thread) }))
  );
  for (const [number, there] of Object.entries(Object.groupBy(places, ({ number }) => number))) {
    const code = run.recorded.source.split("\n")[Number(number) - 1].replace(/ *\/\/.*/, "").trim();
    svg +=
      text(0, y + 12, `${number}  ${code.length > long - 4 ? `${code.slice(0, long - 5)}…` : code}`, "code") +
      text(20, y + 26, there!.map(({ who }) => who).join("   "), "dim");
    y += 32;
  }
  const drawn = scene(before, state, width);
  return { svg: svg + move(0, y + 4, drawn.svg), height: y + 4 + drawn.height };
}

/** The pictures of the six lessons, by their names. */
export function pictures(recordings: readonly Recorded[]): Record<string, string> {
  const runs = recordings.filter(({ id }) => !id.includes("-")).map((recording) => new Run(recording));
  const times = runs.map(({ lines }) => lines.findLast(isClient)!.time - lines.find(isClient)!.time);
  const ms = Math.max(...times) + 100;
  const name = `Five clients, to scale: the first ${(ms / 1000).toFixed(1)} s`;
  const [legend, none] = [{ svg: LEGEND.join(""), height: 28 }, { svg: "", height: 0 }];
  const both = (columns: number, width: number) => [
    picture(name, legend, runs.map((run) => story(run, ms, width)), columns, width),
    picture("Client 5 has just asked", none, runs.map((run) => instant(run, width)), columns, width),
  ];
  const [[wide, inside], [narrow, insideNarrow]] = [both(2, 420), both(1, 340)];
  return { "story": wide, "story-narrow": narrow, inside, "inside-narrow": insideNarrow };
}
