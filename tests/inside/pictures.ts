/** Two pictures of the recordings, each of six panels: who sleeps and who is awake, to scale of time; and one frozen instant. */
import type { Line } from "../support/trace_lines.ts";
import { asleep, type State } from "./model.ts";
import type { Recording } from "./record.ts";
import { Run } from "./run.ts";
import { drawing, escape, r, scene } from "./scene.ts";
import { named, wokenBy } from "./words.ts";

/** A part of a picture. */
interface Panel {
  readonly svg: string;
  readonly height: number;
}
const WIDTH = 420; // of a panel
const GAP = 20;

const CSS = await Deno.readTextFile(new URL("scene.css", import.meta.url));

const text = (x: number, y: number, words: string, kind = "label") =>
  `<text x="${r(x)}" y="${r(y)}" class="${kind}">${escape(words)}</text>\n`;
const move = (x: number, y: number, svg: string) => `<g transform="translate(${x} ${y})">${svg}</g>\n`;

/** So many panels in a row, below a name and perhaps a legend. */
function picture(name: string, legend: Panel[], panels: Panel[], columns: number): string {
  let [svg, y] = [text(GAP, 24, name, "title"), 40];
  const rows = panels.flatMap((_, i) => i % columns === 0 ? [panels.slice(i, i + columns)] : []);
  for (const row of [legend, ...rows]) {
    svg += row.map((panel, column) => move(GAP + column * (WIDTH + GAP), y, panel.svg)).join("");
    y += Math.max(0, ...row.map(({ height }) => height + 18));
  }
  const style = `<title>${escape(name)}</title>\n<style>\n${CSS}</style>\n`;
  return drawing(name, columns * (WIDTH + GAP) + GAP, y, style + svg);
}

const LANE = 12; // height of a thread's lane
const MARKS = 12; // between the clients' marks and the first lane
const LENS = 20; // ms

const isMark = ({ who }: Line) => who.startsWith("client");
const short = ({ title }: Run) => title.split(":")[0];
/** All threads of a run, in the order in which they came. */
const threadsOf = ({ states }: Run) => [
  ...new Set(states.flatMap(({ threads }) => threads.map(({ name }) => name))),
];

/** So many ms from `from` on: who is awake, what clients do, whom that wakes, who answers. */
function timeline(run: Run, width: number, from: number, ms: number): string {
  const names = threadsOf(run);
  const at = (time: number) => r(Math.min(Math.max((time - from) / ms, 0), 1) * width);
  const middle = (who: string) => MARKS + names.indexOf(who) * LANE + LANE / 2;
  let [lanes, bars, arrows, marks] = ["", "", "", ""];
  let last = -Infinity;
  run.lines.forEach((line, i) => {
    const [before, state] = [run.states[i], run.states[i + 1]];
    const [begin, end] = [line.time, run.lines[i + 1]?.time ?? Infinity].map(at);
    const until = run.lines[i + 1]?.time ?? from;
    for (const thread of state.threads) {
      const y = middle(thread.name);
      if (asleep(thread)) lanes += end > begin ? `<path class="lane" d="M${begin} ${y}H${end}"/>` : "";
      else if (line.time <= from + ms && until >= from) {
        const length = r(Math.max(end - begin, 1.2));
        bars += `<rect class="run" x="${begin}" y="${y - 4}" width="${length}" height="8"/>`;
      }
    }
    if (line.time < from || line.time > from + ms) return;
    if (isMark(line)) {
      const woken = wokenBy(before, state);
      if (woken) arrows += `<path class="arrow" d="M${begin} 5V${middle(woken.name) - 5}"/>`;
      const up = begin - last < 12 ? -12 : 0; // beside another it would hide that
      last = begin;
      marks += move(begin, up, mark(line.call, line.who.split(" ")[1]));
    } else if (line.call === "send") {
      arrows += `<path class="arrow answers" d="M${begin} ${middle(line.who) - 4}V-4"/>`;
    }
  });
  return `${lanes}${bars}${arrows}${marks}\n`;
}

const mark = (call: string, number = "") =>
  `<circle class="${call}" r="5.5"/><text class="number ${call}" y="3">${number}</text>`;

const LEGEND = [
  [mark("connects"), "connects"],
  [mark("sends"), "asks"],
  [mark("closes"), "closes"],
  [`<path class="arrow" d="M0 -7V5"/>`, "wakes"],
  [`<path class="arrow answers" d="M0 5V-7"/>`, "answers"],
  [`<rect class="run" x="-7" y="-4" width="14" height="8"/>`, "awake"],
  [`<path class="lane" d="M-8 0H8"/>`, "asleep"],
].map(([sign, word], i) => move(i % 4 * 104, Math.floor(i / 4) * 18, move(8, 6, sign) + text(22, 10, word)));

/** A run of `ms`, and the first moments after client 5 connects and asks, as with a lens. */
function story(run: Run, ms: number): Panel {
  const { anchors, lines, states, recorded: { rests } } = run;
  const wait = lines[anchors.answer - 1].time - lines[anchors.fifth - 1].time;
  const freed = lines.slice(anchors.fifth, anchors.answer).find(({ call }) => call === "closes");
  const leaves = freed ? `, when ${freed.who} has left` : "";
  const [first, last] = [rests[0].seen, rests.at(-1)!.seen];
  const [cpu, time] = [last.cpu - first.cpu, last.at - first.at];
  const names = threadsOf(run);
  const [x, y, height] = [52, 68, names.length * LANE + MARKS];
  const inside = ["connects", "sends"].map((call, lens) => {
    const start = lines.findIndex((line) => line.who === "client 5" && line.call === call);
    const wide = (WIDTH - x - 8) / 2;
    const name = `client 5 ${call === "sends" ? "asks" : call}: ${LENS} ms`;
    const idle = states[start + 1].threads.every(asleep) ? text(16, 4, "nobody wakes") : "";
    const frame = `<rect class="frame" x="-9" y="-20" width="${wide}" height="${height + 24}" rx="4"/>`;
    const drawn = timeline(run, wide - 16, lines[start].time, LENS);
    const all = text(-9, -25, name, "label dim") + frame + drawn + idle;
    return move(x + 9 + lens * (wide + 8), y + height + 42, all);
  });
  const svg = [
    text(0, 12, short(run), "head"),
    text(0, 28, `client 5 is answered after ${Number(wait.toPrecision(2))} ms${leaves}`),
    text(0, 42, `processor time: ${cpu.toFixed(2)} s in ${time.toFixed(2)} s`),
    ...names.map((who, i) => text(0, y + MARKS + i * LANE + 10, named(who, run.state), "label dim")),
    move(x, y, timeline(run, WIDTH - x, lines.find(isMark)!.time - 50, ms)),
    ...inside,
  ];
  return { svg: svg.join(""), height: y + 2 * height + 48 };
}

/** The frozen instant: client 5 has just asked. */
function instant(run: Run): Panel {
  const [before, state] = run.states.slice(run.anchors.fifth - 1);
  const woken = wokenBy(before, state);
  const wakes = `the bytes wake ${woken ? named(woken.name, state) : "nobody"}`;
  const spins = state.threads.some(({ spins }) => spins > 0);
  let svg = text(0, 14, short(run), "head") +
    text(122, 14, spins ? "nobody sleeps: the next turn finds the bytes" : wakes);
  let y = 22;
  for (const [number, who] of places(state)) {
    const code = run.recorded.source.split("\n")[number - 1].replace(/ *\/\/.*/, "").trim();
    svg += text(0, y + 12, `${number}  ${code.length > 52 ? `${code.slice(0, 51)}…` : code}`, "code");
    svg += text(20, y + 26, who.join("   "), "label dim");
    y += 32;
  }
  const drawn = scene(before, state, WIDTH);
  return { svg: svg + move(0, y + 4, drawn.svg), height: y + 4 + drawn.height };
}

/** By line of the lesson, who is there. */
function places(state: State): [number: number, who: string[]][] {
  const at: Record<number, string[]> = {};
  for (const thread of state.threads.filter(({ joins }) => !joins)) {
    const kind = asleep(thread) ? "☾" : thread.woken ? "▸ woken:" : "▸ awake, by turns:";
    for (const number of thread.place.split(":")[1].split(",").map(Number)) {
      (at[number] ??= []).push(`${kind} ${named(thread.name, state)}`);
    }
  }
  return Object.entries(at).map(([number, who]) => [Number(number), who]);
}

/** The pictures of the six lessons, by their names. */
export function pictures(recordings: readonly Recording[]): Record<string, string> {
  const runs = recordings.filter(({ experiment }) => !experiment).map((recording) => new Run(recording));
  const times = runs.map(({ lines }) => lines.findLast(isMark)!.time - lines.find(isMark)!.time);
  const ms = Math.max(...times) + 100;
  const legend = [{ svg: LEGEND.join(""), height: 28 }];
  const name = `Five clients at six servers, to scale of time: ${(ms / 1000).toFixed(1)} s`;
  const all: Record<string, string> = {};
  for (const [kind, columns] of [["", 2], ["-narrow", 1]] as const) {
    all[`story${kind}`] = picture(name, legend, runs.map((run) => story(run, ms)), columns);
    all[`inside${kind}`] = picture("Client 5 has just asked", [], runs.map(instant), columns);
  }
  return all;
}
