/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. */
import type { Line } from "../support/trace_lines.ts";
import { asleep, type State } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { describe, drawing, escape, scene } from "./scene.ts";
import { explain, lang, named, WORDS } from "./words.ts";

const byId = (id: string) => document.getElementById(id)!;
const word = (key: string, n: unknown = "") => WORDS.page[key][lang].replace("{n}", `${n}`);

/** What the file brings along: the recordings; or one run that is still empty and comes from the server. */
const data: { live: boolean; runs: Recorded[] } = JSON.parse(byId("data").textContent!);
const runs = new Map(data.runs.map((recorded) => [recorded.id, new Run(recorded)]));
const [first] = runs.values();

/** One run, or two side by side. */
let shown = [first];
/** Where each of them stands at each step: both begin together whatever a client does. */
let track: number[][] = [];
/** The steps at which a client does something. */
let events: number[] = [];
let step = 0;
/** A question that is open, or has just been answered; and how. */
let question: string | undefined;
let verdict: string | undefined;

/** Lay the runs beside one another. */
function lay() {
  const parts = shown.map(({ lines }) => [
    0,
    ...lines.flatMap(({ who }, i) => who.startsWith("client") ? [i + 1] : []),
    lines.length + 1,
  ]);
  [track, events] = [[], []];
  for (let part = 1; part < Math.min(...parts.map(({ length }) => length)); part++) {
    events.push(track.length);
    const longest = Math.max(...parts.map((at) => at[part] - at[part - 1]));
    for (let i = 0; i < longest; i++) track.push(parts.map((at) => Math.min(at[part - 1] + i, at[part] - 1)));
  }
}

/** The names of a run's step that have a text of this kind. */
const keysAt = ({ anchors, recorded }: Run, at: number, texts: Record<string, unknown>) =>
  Object.keys(anchors).filter((name) => anchors[name] === at).map((name) => `${recorded.id}/${name}`)
    .filter((key) => key in texts);

/** Go to a step; before one that surprises there is a question, for who comes from the step before. */
function go(to: number) {
  const [key] = shown.length === 1 && to === step + 1 ? keysAt(shown[0], to, WORDS.questions) : [];
  verdict = undefined;
  question = key === question ? undefined : key;
  show(question ? step : to);
}

function show(to: number) {
  step = Math.max(0, Math.min(to, track.length - 1));
  history.replaceState(null, "", `#${shown.map(({ recorded }) => recorded.id).join("+")}/${step}`);
  render();
}

/** `#05/17`, `#05/wake`, `#05+06/17`. */
function follow() {
  const [ids, at = "0"] = decodeURIComponent(location.hash.slice(1)).split("/");
  const found = ids.split("+").flatMap((id) => runs.get(id) ?? []);
  shown = found.length > 0 ? found.slice(0, 2) : [first];
  question = undefined;
  lay();
  const has = shown.findIndex(({ anchors }) => at in anchors);
  const named = track.findIndex((places) => places[has] === shown[has]?.anchors[at]);
  step = has === -1 ? Math.min(Number(at) || 0, track.length - 1) : named;
  render();
}

/** A line of source: what does not fit goes on below its own indentation, and comments step back. */
function codeOf(text: string, tag: string): string {
  const [, indent, code, comment = ""] = /^( *)(.*?)((?:\/\/ |\/?\*).*)?$/.exec(text)!;
  const html = `<${tag}>${escape(code)}<i>${escape(comment)}</i></${tag}>`;
  return `<code style="margin-left:${indent.length}ch">${html}</code>`;
}

/** The source, with what a changed copy has added or left out, the line that runs, and who sleeps where. */
function sourceOf({ recorded }: Run, state: State, line?: Line): string {
  const source = recorded.source.split("\n");
  const lesson = runs.get(recorded.id.split("-")[0])?.recorded.source.split("\n") ?? source;
  const running = line?.place.split(":")[1]?.split(",").map(Number) ?? [];
  const [begin, start] = [source, lesson].map((lines) =>
    lines.findIndex((text) => text.startsWith("import"))
  );
  let next = start;
  return source.slice(begin).map((text, i) => {
    const number = begin + i + 1;
    let html = "";
    while (next < lesson.length && !source.slice(number - 1).includes(lesson[next])) {
      html += `<li class="removed">${codeOf(lesson[next++], "del")}</li>`;
    }
    const added = lesson[next] !== text;
    if (!added) next++;
    const chips = state.threads.filter(({ place, inside }) => inside?.sleeps && place.endsWith(`:${number}`))
      .map((thread) => {
        const [kind, sign] = thread.woken ? ["woken", "▸"] : ["asleep", "☾"];
        return `<b class="item ${kind}">${sign} ${named(thread.name, state)}</b>`;
      });
    const kind = running.includes(number) ? `class="running" aria-current="step"` : "";
    const code = codeOf(text, added ? "ins" : "span");
    return `${html}<li value="${number}" ${kind}>${code}${chips.join("")}</li>`;
  }).join("");
}

/** Clients and threads: what each is at. */
function whoOf({ recorded }: Run, before: State, state: State, at: number): string {
  const seen = recorded.rests.find(({ after }) => after === at)?.seen;
  const item = <T extends { name: string }>(kind: string, one: T, old: readonly T[], text: string) => {
    const same = old.some((other) => JSON.stringify(other) === JSON.stringify(one));
    return `<li class="item ${kind}${same ? "" : " changed"}"><b>${named(one.name, state)}</b> ${text}</li>`;
  };
  const clients = state.clients.map((client) => {
    const { gone, over, sent, asked, socket } = client;
    const queued = state.sockets.some(({ queue }) => queue?.includes(socket));
    const waits = `${queued ? "queued" : "silent"}${asked > 0 ? "Asked" : ""}`;
    const key = gone ? "gone" : over ? sent > 0 ? "answered" : "ended" : sent > 0 ? "noend" : waits;
    return item(key, client, before.clients, word(key));
  });
  const threads = state.threads.map((thread) => {
    const { name, inside, woken, spins, place, joins } = thread;
    const code = `<code>${escape(inside?.text.replace(/ …$/, "") ?? "")}</code>`;
    const wchan = escape(seen?.wchan[name] ?? "");
    const [kind, text] = joins
      ? ["asleep", `☾ ${word("joins")}`]
      : woken
      ? ["woken", `${word("woken")}: ${code}`]
      : asleep(thread)
      ? ["asleep", `☾ ${word("asleep")} ${code} <small>${wchan}</small>`]
      : ["woken", spins > 0 ? `${word("spins")}: ${spins.toLocaleString("en")} ×` : word("awake")];
    const line = place && ` · ${word("line", place.split(":")[1])}`;
    return item(kind, thread, before.threads, text + line);
  });
  const checked = seen ? `${word("checked")} ${word("cpu")}: ${seen.cpu.toFixed(2)} s.` : "";
  const said = state.said.map((text) => `<pre>${escape(text)}</pre>`).join("");
  return `<ul>${clients.join("")}</ul><ul>${threads.join("")}</ul><p><small>${checked}</small></p>${said}`;
}

/** The call in full, a sentence, and what is worth a pause. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  if (!line) return `<p>${word("start")}</p>`;
  const { who, text, call, note, time, place } = line;
  const [before, after] = run.states.slice(at - 1);
  const does = who.startsWith("client")
    ? word(`client ${call}`, text.split(" ")[1])
    : `<code>${escape(text)}</code>`;
  const notes = keysAt(run, at, WORDS.notes).map((key) =>
    `<blockquote>${escape(WORDS.notes[key][lang])}</blockquote>`
  );
  return `<p class="call"><b>${named(who, after)}</b> ${does} ${escape(note)}
<small>${time.toFixed(2)} ms ${place}</small></p><p>${escape(explain(before, after, line))}</p>${
    notes.join("")
  }`;
}

function questionOf(key: string): string {
  const { ask, choices } = WORDS.questions[key];
  if (verdict) return `<p><strong>${escape(ask[lang])} ${word(verdict)}</strong></p>`;
  const buttons = choices.map((choice, i) => `<button data-choice="${i}">${escape(choice[lang])}</button>`);
  return `<p><b>${word("next")}</b> ${escape(ask[lang])}</p>${buttons.join("")}`;
}

const SLIDER = byId("slider") as HTMLInputElement;

function render() {
  SLIDER.max = `${track.length - 1}`;
  SLIDER.value = `${step}`;
  byId("count").textContent = `${step} / ${track.length - 1}`;
  const ids = shown.map(({ recorded }) => recorded.id).join("+");
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    link.ariaCurrent = link.hash === `#${ids}/0` ? "true" : null;
  }
  byId("runs").innerHTML = shown.map((run, i) => {
    const at = track[step][i];
    const [before, state] = [run.states[Math.max(at - 1, 0)], run.states[at]];
    const { svg, height } = scene(before, state, 430);
    const pane = (name: string, more: string, html: string) =>
      `<div class="${name}"><h3>${word(name)}${more}</h3>${html}</div>`;
    return `<section class="run" aria-label="${run.title}"><h2>${run.title}</h2><div class="panes">${
      pane("source", `: ${run.recorded.file}`, `<ol>${sourceOf(run, state, run.lines[at - 1])}</ol>`)
    }${pane("who", "", whoOf(run, before, state, at))}${
      pane("kernel", "", drawing(describe(state), 430, height, svg))
    }</div></section>`;
  }).join("");
  const open = question && questionOf(question);
  byId("saying").innerHTML = shown.map((run, i) =>
    `<div>${open ?? ""}${open && !verdict ? "" : sayingOf(run, track[step][i])}</div>`
  ).join("");
  for (const list of document.querySelectorAll<HTMLElement>(".source ol")) {
    const line = list.querySelector<HTMLElement>(".running") ?? list.querySelector("b")?.parentElement;
    if (line) list.scrollTop = line.offsetTop - list.clientHeight / 2;
  }
}

const ACTIONS: Record<string, () => void> = {
  ArrowRight: () => go(step + 1),
  ArrowLeft: () => go(step - 1),
  ArrowDown: () => go(events.find((event) => event > step) ?? track.length - 1),
  ArrowUp: () => go(events.findLast((event) => event < step) ?? 0),
  Home: () => go(0),
  End: () => go(track.length - 1),
};

/** Put up what does not change. */
function setUp() {
  document.documentElement.lang = lang ? "zh-CN" : "en";
  document.title = word("heading");
  for (const id of ["heading", "keys", "side", "broken"]) byId(id).textContent = word(id);
  byId("intro").textContent = word(data.live ? "live" : "intro");
  byId("made").textContent = word("made", first.recorded.runtime);
  byId("made").hidden = byId("nav").hidden = data.live;
  const links = (id: string, all: [ids: string, text: string][]) =>
    byId(id).innerHTML += all.map(([ids, text]) => ` <a href="#${ids}/0">${text}</a>`).join("");
  for (const [id, { title }] of runs) {
    if (id.includes("-")) links("broken", [[id, title]]);
    else links("lessons", [[id, title.split(/[:：]/)[0]]]);
  }
  links("side", [["01+02", "01 | 02"], ["04+05", "04 | 05"], ["05+06", "05 | 06"]]);
  byId("lang").textContent = lang ? "English" : "中文";
  byId("lang").onclick = () => location.href = `?lang=${lang ? "en" : "zh"}${location.hash}`;
  for (const button of document.querySelectorAll<HTMLElement>("[data-key]")) {
    button.title = button.ariaLabel = word(button.dataset.key!);
    button.onclick = ACTIONS[button.dataset.key!];
  }
  SLIDER.ariaLabel = word("slider");
  SLIDER.oninput = () => go(SLIDER.valueAsNumber);
  byId("saying").onclick = ({ target }) => {
    const { choice } = (target as HTMLElement).dataset;
    if (choice === undefined) return;
    verdict = WORDS.questions[question!].right === Number(choice) ? "right" : "wrong";
    show(step + 1);
  };
  document.onkeydown = (event) => {
    const action = runs.has(`0${event.key}`) ? () => location.hash = `#0${event.key}/0` : ACTIONS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };
  onhashchange = follow;
  follow();
}

/** Lines come while the server runs. Who looks at the last step stays with it. */
function listen() {
  const source = new EventSource("events");
  source.onmessage = ({ data }) => {
    const { from, lines, ended }: { from: number; lines: Line[]; ended?: string } = JSON.parse(data);
    const follows = step === track.length - 1;
    first.cut(from); // a count that goes on is told anew
    for (const line of lines) first.add(line);
    lay();
    if (follows) step = track.length - 1;
    render();
    if (ended === undefined) return;
    source.close();
    byId("ended").textContent = `${word("over")} ${ended}`;
  };
}

setUp();
if (data.live) listen();
