/** Two pictures of the recordings, each of six panels: who sleeps and who is awake, to scale of time; and one frozen instant. */
import { isClient } from "../support/trace_lines.ts";
import { asleep } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { escape, scene, signed, threadsAt } from "./scene.ts";
import { named } from "./words.ts";

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
const CSS = await read("scene.css") + await read("pictures.css");

/** A part of a picture: HTML, and how high that is at most. */
type Panel = readonly [html: string, height: number];

/** So many panels in a row, below a name and a legend. */
function picture(name: string, legend: string, panels: Panel[], columns: number, width: number): string {
  const all = columns * (width + 16);
  const rows = Object.values(Object.groupBy(panels, (_, i) => Math.floor(i / columns)));
  const top = 24 + 16 * Math.ceil(legend.replace(/<.*?>/g, "").length * 7 / all); // px of a letter, more than it has
  const height = rows.reduce((sum, row) => sum + Math.max(...row!.map(([, height]) => height)), top + 16);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${all} ${height}">
<title>${name}</title>
<style>
${CSS}</style>
<foreignObject width="100%" height="100%"><main xmlns="http://www.w3.org/1999/xhtml">
<header style="width:100%;height:${top}px"><h1>${name}</h1><p>${legend}</p></header>
${panels.map(([html, h]) => `<section style="width:${width}px;height:${h}px">${html}</section>`).join("\n")}
</main></foreignObject>
</svg>
`;
}

const sign = (colour: string, text: string) => `<b style="color:var(--${colour})">${text}</b>`;
const STORY = `${sign("blue", "❶")} connects ${sign("green", "❶")} asks ${sign("blue", "①")} closes
${sign("blue", "↓")} wakes ${sign("green", "↑")} answers ${sign("amber", "━")} awake
${sign("dim", "─")} asleep. Compare who is awake: the milliseconds contain tracing and the JavaScript runtime,
and five clients are too few to tell select from epoll. 04 never has to be woken, since it never sleeps.`;
const INSTANT = `☾ asleep ▸ awake → a descriptor leads to it. Green: what nobody has read or accepted yet;
orange: awake, or told that something came. Ringed in red: changed by this request.`;

const NAMES = 58; // width of the lanes' names
const LANE = 12; // height of a thread's lane
const TOP = 34; // above the first lane: the clients' marks
const LENS = 20; // ms

/** So many ms from `from` on: who is awake, what clients do, whom that wakes, who answers. */
function timeline(run: Run, width: number, from: number, ms: number): Panel {
  const names = [...new Set(run.states.flatMap(({ threads }) => threads.map(({ name }) => name)))];
  const height = TOP + names.length * LANE + 18;
  const middle = (who: string) => TOP + (names.indexOf(who) + 0.5) * LANE;
  const at = (time: number) => NAMES + Math.min(Math.max((time - from) / ms, 0), 1) * (width - NAMES - 8);
  let svg = "";
  const write = (x: number, y: number, text: string, rest = "") =>
    svg += `<text x="${x.toFixed(1)}" y="${y}" ${rest}>${text}</text>`;
  const draw = (colour: string, x: number, to: string, thick = 1) => {
    const path = `d="M${x.toFixed(1)} ${to}" fill="none"`;
    svg += `<path ${path} style="stroke:var(--${colour})" stroke-width="${thick}"/>`;
  };
  for (const who of names) write(0, middle(who) + 4, named(who, run.state));
  write(at(from) - 1, height - 4, "| 0 ms");
  const tick = 10 ** Math.floor(Math.log10(ms)) / 2;
  for (let time = tick; time < 0.85 * ms; time += tick) write(at(from + time) - 1, height - 4, `| ${time}`);
  for (const [i, line] of run.lines.entries()) {
    const state = run.states[i + 1];
    const next = run.lines[i + 1]?.time ?? Infinity;
    if (line.time > from + ms || next < from) continue;
    const [x, end] = [line.time, next].map(at);
    for (const thread of state.threads) {
      const [colour, to, thick] = asleep(thread) ? ["dim", end, 1] as const : ["amber", end + 1, 8] as const;
      draw(colour, x, `${middle(thread.name)}H${to.toFixed(1)}`, thick);
    }
    if (line.time < from) continue;
    if (line.call === "send") draw("green", x - 3, `${middle(line.who) - 4}V22m-3 5l3-5l3 5`);
    if (!isClient(line)) continue;
    if (state.woken) draw("blue", x, `22V${middle(state.woken.name) - 4}m-3-5l3 5l3-5`);
    const mark = (line.call === "closes" ? "①" : "❶").codePointAt(0)! - 1 + Number(line.who.split(" ")[1]);
    const colour = line.call === "sends" ? "green" : "blue";
    write(x, 16, `&#${mark};`, `style="fill:var(--${colour})" font-size="14" text-anchor="middle"`);
  }
  const size = `width="${width}" height="${height}" style="display:block" font-size="11" fill="currentColor"`;
  return [`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${svg}</svg>`, height];
}

const nameOf = ({ title }: Run) => `<h2>${title.split(":")[0]}</h2>`;

/** A run of `ms`, and the first moments after client 5 asks, or gets its turn, as with a lens. */
function story(run: Run, ms: number, width: number): Panel {
  const { anchors, lines, recorded: { rests } } = run;
  const asks = lines[anchors.fifth - 1];
  const wait = Number((lines[anchors.answer - 1].time - asks.time).toPrecision(2));
  const freed = lines.slice(anchors.fifth, anchors.answer).find(({ call }) => call === "closes");
  const [first, last] = [rests[0].seen, rests.at(-1)!.seen];
  const [cpu, time] = [last.cpu - first.cpu, last.at - first.at].map((s) => s.toPrecision(2));
  const [all, height] = timeline(run, width, lines.find(isClient)!.time - 50, ms);
  const [lens] = timeline(run, width - 10, (freed ?? asks).time - 1, LENS);
  const html = `${nameOf(run)}
<p>client 5 is answered after ${wait} ms${freed ? `, when ${freed.who} has left` : ""}</p>
<p>processor time in the whole run of ${time} s: ${cpu} s</p>${all}
<p>the ${LENS} ms after ${freed ? `${freed.who} leaves` : "client 5 asks"}:</p>
<div class="frame">${lens}</div>`;
  return [html, 98 + 2 * height];
}

/** The frozen instant: client 5 has just asked. By line of the lesson, who is there; and what the kernel holds. */
function instant(run: Run): Panel {
  const [before, state] = run.states.slice(run.anchors.fifth - 1);
  const sleeps = state.woken || state.threads.some(asleep);
  const wakes = `the bytes wake ${named(state.woken?.name ?? "nobody", state)}`;
  const places = run.recorded.source.split("\n").flatMap((text, i) => {
    const here = threadsAt(state, `${i + 1}`).map((thread) => signed(state, thread)).join(" ");
    const code = escape(text.replace(/ *\/\/.*/, "").trim());
    return here ? [`<pre>${i + 1} ${code}</pre><p>${here}</p>`] : [];
  });
  const table = scene(before, state);
  const html = `${nameOf(run)}
<p>${sleeps ? wakes : "nobody sleeps: the next turn finds the bytes"}</p>${places.join("")}${table}`;
  return [html, 72 + places.length * 34 + table.split("<tr").length * 25];
}

/** The pictures of the six lessons, by their names. */
export function pictures(recordings: readonly Recorded[]): Record<string, string> {
  const runs = recordings.filter(({ id }) => !id.includes("-")).map((recording) => new Run(recording));
  const times = runs.map(({ lines }) => lines.findLast(isClient)!.time - lines.find(isClient)!.time);
  const ms = Math.max(...times) + 100;
  const name = `Five clients, to scale: the first ${(ms / 1000).toFixed(1)} s`;
  const both = (columns: number, width: number) => [
    picture(name, STORY, runs.map((run) => story(run, ms, width)), columns, width),
    picture("Client 5 has just asked", INSTANT, runs.map(instant), columns, width),
  ];
  const [[wide, inside], [narrow, insideNarrow]] = [both(2, 430), both(1, 364)];
  return { "story": wide, "story-narrow": narrow, inside, "inside-narrow": insideNarrow };
}
