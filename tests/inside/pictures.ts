/** Two pictures of the recordings: who sleeps and who is awake, to scale of time; and one frozen instant. */
import { type Line, readLine } from "../support/trace_lines.ts";
import { type State, states, type Thread } from "./model.ts";
import type { Recording } from "./record.ts";
import { escape, scene, SCENE_DEFS } from "./scene.ts";
import { anchors, title, WORDS } from "./words.ts";

/** A run with all that follows from its lines. */
interface Told {
  readonly recording: Recording;
  readonly name: string;
  readonly lines: Line[];
  readonly states: State[];
  readonly anchors: Record<string, number>;
  /** Threads, and main threads of processes, in the order in which they came; the children among them. */
  readonly threads: string[];
  readonly children: string[];
}

function tell(recording: Recording): Told {
  const lines = recording.lines.flatMap(readLine);
  const all = states(lines);
  const threads = [...new Set(all.flatMap(({ threads }) => threads.map(({ name }) => name)))];
  const children = threads.filter((name) => name.startsWith("child"));
  const name = WORDS.titles[recording.id][0].split(":")[0];
  return { recording, name, lines, states: all, anchors: anchors(lines, all), threads, children };
}

const isMark = ({ who }: Line) => who.startsWith("client");
/** The main thread of 03 sleeps in no call of the lesson's: it awaits its threads. */
const joins = ({ recording }: Told, who: string) => recording.lesson === "03-thread-pool" && who === "main";
const asleep = (told: Told, { name, inside, woken }: Thread) => inside?.sleeps && !woken || joins(told, name);

const CSS = await Deno.readTextFile(new URL("scene.css", import.meta.url)) +
  await Deno.readTextFile(new URL("pictures.css", import.meta.url));
const ANSWER = SCENE_DEFS.replace('id="to"', 'id="answer"');

const r = (value: number) => Number(value.toFixed(1));
const text = (x: number, y: number, words: string, kind = "small") =>
  `<text x="${r(x)}" y="${r(y)}" class="${kind}">${escape(words)}</text>\n`;

function svg(width: number, height: number, name: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${Math.ceil(height)}" class="scene">
<title>${escape(name)}</title>
<style>
${CSS}</style>
${SCENE_DEFS}${ANSWER}
<rect class="paper" width="100%" height="100%"/>
${text(12, 22, name, "title")}${content}</svg>
`;
}

const LANE = 12; // height of a thread's lane
const MARKS = 12; // between the clients' marks and the first lane

/** A span of time: the clients' marks at `y`, the lanes below, so many ms from `from` on in `width`. */
interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly from: number;
  readonly ms: number;
}

/** What happens within a window: who is awake, what clients do, whom that wakes, who answers. */
function draw(told: Told, { x, y, width, from, ms }: Window, answers: boolean): string {
  const { lines, states, threads } = told;
  const at = (time: number) => r(x + Math.min(Math.max((time - from) / ms, 0), 1) * width);
  const middle = (who: string) => y + MARKS + threads.indexOf(who) * LANE + LANE / 2;
  let [lanes, bars, arrows, marks] = ["", "", "", ""];
  let last = -Infinity;
  lines.forEach((line, i) => {
    const [before, state] = [states[i], states[i + 1]];
    const begin = at(line.time);
    const end = at(lines[i + 1]?.time ?? Infinity);
    for (const thread of state.threads) {
      const y = middle(thread.name);
      if (asleep(told, thread)) {
        if (end > begin) lanes += `<path class="lane" d="M${begin} ${y}H${end}"/>`;
      } else if (line.time <= from + ms && (lines[i + 1]?.time ?? from) >= from) {
        bars += `<rect class="run" x="${begin}" y="${y - 4}" width="${
          r(Math.max(end - begin, 1.2))
        }" height="8"/>`;
      }
    }
    if (line.time < from || line.time > from + ms) return;
    if (isMark(line)) {
      const woken = state.threads.find(({ name, woken }) =>
        woken && !before.threads.some((old) => old.name === name && old.woken)
      );
      if (woken) arrows += `<path class="wakes" d="M${begin} ${y + 5}V${middle(woken.name) - 5}"/>`;
      const up = begin - last < 12 ? y - 12 : y; // beside another it would hide that
      last = begin;
      marks += `<circle class="${line.call}" cx="${begin}" cy="${up}" r="5.5"/>` +
        `<text class="number ${line.call}" x="${begin}" y="${up + 3}">${line.who.split(" ")[1]}</text>`;
    } else if (line.call === "send" && answers) {
      arrows += `<path class="answers" d="M${begin} ${middle(line.who) - 4}V${y - 4}"/>`;
    }
  });
  return `${lanes}${bars}${arrows}${marks}\n`;
}

/** What becomes of the client that asks, and what the server has needed for all of it. */
function outcome({ lines, anchors, recording }: Told): [answer: string, cost: string] {
  const ms = lines[anchors.answer - 1].time - lines[anchors.fifth - 1].time;
  const left = lines.slice(anchors.fifth, anchors.answer).find(({ call }) => call === "closes");
  const [first, last] = [recording.rests[0].seen, recording.rests.at(-1)!.seen];
  return [
    `client 5 is answered after ${Number(ms.toPrecision(2))} ms${left ? `, when ${left.who} has left` : ""}`,
    `processor time: ${(last.cpu - first.cpu).toFixed(2)} s in ${(last.at - first.at).toFixed(1)} s`,
  ];
}

const find = ({ lines }: Told, call: string) =>
  lines.findIndex((line) => line.who === "client 5" && line.call === call);

/** The story to scale of time, with lenses on client 5: beside it if it is `wide`, else below. */
function story(all: readonly Told[], wide: boolean): string {
  const [left, width] = [62, wide ? 860 : 420];
  const begins = all.map(({ lines }) => lines.find(isMark)!.time - 50);
  const ends = all.map(({ lines }) => lines.findLast(isMark)!.time + 50);
  const whole = Math.max(...ends.map((end, i) => end - begins[i]));
  const lenses = ["connects", "sends"].map((call) => {
    const needs = all.map((told) => { // until the next client does something, all that it has led to
      const start = find(told, call);
      const next = told.lines.findIndex((line, i) =>
        i > start && isMark(line) && (line.who !== "client 5" || line.call === "sends")
      );
      const ends = told.lines.slice(start, next).findLast(({ count, who }) =>
        count === undefined && who !== "client 5"
      );
      return (ends?.time ?? 0) - told.lines[start].time;
    });
    const ms = [2, 5, 10, 20, 50, 100, 200].find((ms) => ms >= Math.max(...needs)) ?? 500;
    return { call, says: `client 5 ${call === "sends" ? "asks" : call}: ${ms} ms`, ms };
  });
  let parts = legend(wide);
  let y = wide ? 62 : 80;
  all.forEach((told, i) => {
    const [answer, cost] = outcome(told);
    const height = told.threads.length * LANE + MARKS;
    parts += text(12, y + 10, told.name, "strong");
    if (wide) parts += text(140, y + 10, `${answer}; ${cost}`);
    else parts += text(12, y + 25, answer) + text(12, y + 39, cost);
    y += wide ? 37 : 64;
    told.threads.forEach((who, i) => {
      parts += text(12, y + MARKS + i * LANE + 10, title(who, told.children), "small dim");
    });
    const late = told.anchors.answer > told.anchors.leave && told.recording.id === "03";
    const window = { x: left, y, width: wide ? 480 : 344, from: begins[i], ms: whole };
    parts += draw(told, window, late);
    if (!wide) y += height + 34;
    lenses.forEach(({ call, says, ms }, lens) => {
      const [x, width] = wide ? [572 + lens * 144, 132] : [left + lens * 176, 168];
      const start = find(told, call);
      if (i === 0 || !wide) parts += text(x, y - (wide ? 17 : 15), says, "small dim");
      parts += `<rect class="frame" x="${x}" y="${y - 10}" width="${width}" height="${height + 14}" rx="4"/>`;
      parts += draw(told, { x: x + 9, y, width: width - 16, from: told.lines[start].time, ms }, true);
      const state = told.states[start + 1];
      if (state.threads.every((thread) => asleep(told, thread))) parts += text(x + 24, y + 4, "nobody wakes");
    });
    y += height + 14;
  });
  parts += text(left, y + 4, `${(whole / 1000).toFixed(1)} s, the same scale for all six`, "small dim");
  return svg(width, y + 16, "Five clients at six servers, to scale of time", parts);
}

/** The signs, in one row or two. */
function legend(wide: boolean): string {
  const signs = [
    [`<circle class="connects" cx="6" cy="-4" r="5.5"/>`, "connects"],
    [`<circle class="sends" cx="6" cy="-4" r="5.5"/>`, "asks"],
    [`<circle class="closes" cx="6" cy="-4" r="5.5"/>`, "closes"],
    [`<path class="wakes" d="M6 -11V1"/>`, "wakes"],
    [`<path class="answers" d="M6 1V-11"/>`, "answers"],
    [`<rect class="run" x="0" y="-8" width="14" height="8"/>`, "awake"],
    [`<path class="lane" d="M0 -4H16"/>`, "asleep"],
  ];
  return signs.map(([sign, word], i) => {
    const [x, y] = wide ? [12 + i * 84, 42] : [12 + i % 4 * 90, 42 + Math.floor(i / 4) * 18];
    return `<g transform="translate(${x} ${y})">${sign}${text(20, 0, word)}</g>`;
  }).join("");
}

/** The frozen instant: client 5 has just asked. */
function instant(all: readonly Told[], columns: number): string {
  const [width, gap] = [420, 16];
  let parts = "";
  let y = 40;
  for (let row = 0; row < all.length; row += columns) {
    const bottoms = all.slice(row, row + columns).map((told, column) => {
      const [x, step] = [12 + column * (width + gap), told.anchors.fifth];
      const [before, state] = [told.states[step - 1], told.states[step]];
      const woken = state.threads.find(({ woken }) => woken);
      const spins = state.threads.some(({ spins }) => spins > 0);
      const wakes = `the bytes wake ${woken ? title(woken.name, told.children) : "nobody"}`;
      parts += text(x, y + 14, told.name, "strong");
      parts += text(x + 122, y + 14, spins ? "nobody sleeps: the next turn finds the bytes" : wakes);
      let top = y + 22;
      for (const [number, who] of places(told, state)) {
        const code = told.recording.source.split("\n")[number - 1].replace(/ *\/\/.*/, "").trim();
        parts += text(x, top + 12, `${number}  ${code.length > 52 ? `${code.slice(0, 51)}…` : code}`, "code");
        parts += text(x + 20, top + 26, who.join("   "), "small dim");
        top += 32;
      }
      const drawn = scene(before, state, { lang: 0, width, children: told.children });
      parts += `<g transform="translate(${x} ${top + 4})">${drawn.svg}</g>\n`;
      return top + 4 + drawn.height;
    });
    y = Math.max(...bottoms) + 18;
  }
  const name = columns > 1
    ? "Client 5 has just asked: who sleeps, who wakes, what the kernel holds"
    : "Client 5 has just asked";
  return svg(12 + columns * (width + gap), y, name, parts);
}

/** By line of the lesson, who is there. */
function places(told: Told, { threads }: State): Map<number, string[]> {
  const at = new Map<number, string[]>();
  const awaits = told.recording.source.split("\n").findIndex((text) => text.includes("await Promise.race")) +
    1;
  for (const thread of threads) {
    const { name, place, woken } = thread;
    const kind = asleep(told, thread) ? "☾" : woken ? "▸ woken:" : "▸ awake, by turns:";
    const numbers = joins(told, name) ? [awaits] : place.split(":")[1].split(",").map(Number);
    for (const number of numbers) {
      at.set(number, [...at.get(number) ?? [], `${kind} ${title(name, told.children)}`]);
    }
  }
  return new Map([...at].sort(([a], [b]) => a - b));
}

/** The pictures of the six lessons, by their names. */
export function pictures(recordings: readonly Recording[]): Record<string, string> {
  const all = recordings.filter(({ experiment }) => !experiment).map(tell);
  return {
    story: story(all, true),
    "story-narrow": story(all, false),
    inside: instant(all, 2),
    "inside-narrow": instant(all, 1),
  };
}
