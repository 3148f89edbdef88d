/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. */
import type { Line } from "../support/trace_lines.ts";
import { asleep, connections, queued, type State, type Thread } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { drawing, escape, scene, signed } from "./scene.ts";
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
/** What was asked before this step, and whether the answer was right. */
let verdict = "";

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

const idsOf = (runs: Run[]) => runs.map(({ recorded }) => recorded.id).join("+");
/** The names of a run's step that have a text of this kind. */
const keysAt = ({ anchors, recorded }: Run, at: number, texts: Record<string, unknown>) =>
  Object.entries(anchors).filter(([, step]) => step === at).map(([name]) => `${recorded.id}/${name}`)
    .filter((key) => key in texts);

function show(to: number, answered = "") {
  step = Math.max(0, Math.min(to, track.length - 1));
  verdict = answered;
  history.replaceState(null, "", `#${idsOf(shown)}/${step}`);
  render();
}

/** `#05/17`, `#05/wake`, `#05+06/17`. */
function follow() {
  const [ids, at = "0"] = decodeURIComponent(location.hash.slice(1)).split("/");
  const found = ids.split("+").flatMap((id) => runs.get(id) ?? []);
  shown = found.length > 0 ? found.slice(0, 2) : [first];
  verdict = "";
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

/** A frame, filled with the colour of its kind. */
const framed = (tag: string, kind: string, html: string) =>
  `<${tag} class="frame ${kind}" style="--fill:var(--${kind.split(" ")[0]})">${html}</${tag}>`;
const kindOf = (state: State, thread: Thread) => asleep(state, thread) ? "asleep" : "woken";

/** The source, with what a changed copy has added or left out, the line that runs, and who sleeps where. */
function sourceOf({ recorded }: Run, state: State, line?: Line): string {
  const [source, lesson] = [recorded, runs.get(recorded.id.split("-")[0])?.recorded ?? recorded]
    .map(({ source }) => source.split("\n"));
  const running = line?.place.split(":")[1]?.split(",").map(Number) ?? [];
  let next = 0;
  return source.map((text, i) => {
    const number = i + 1;
    let html = "";
    while (next < lesson.length && !source.slice(i).includes(lesson[next])) {
      html += `<li>${codeOf(lesson[next++], "del")}</li>`;
    }
    const tag = lesson[next] === text ? "span" : "ins";
    if (tag === "span") next++;
    const here = state.threads.filter((one) => one.inside?.on.length && one.place.endsWith(`:${number}`));
    const chips = here.map((thread) => framed("b", kindOf(state, thread), signed(state, thread)));
    const runs = running.includes(number) ? `class="running" aria-current="step"` : "";
    return `${html}<li value="${number}" ${runs}>${codeOf(text, tag)} ${chips.join(" ")}</li>`;
  }).join("");
}

/** What each client and each thread is at: its name, the kind of its frame, and words. */
function items(state: State): string[][][] {
  const clients = connections(state).map((socket) => {
    const { client, gone, over, sent, asked } = socket;
    const waits = `${queued(state, socket) ? "queued" : "silent"}${asked > 0 ? "Asked" : ""}`;
    const key = gone ? "gone" : over ? sent > 0 ? "answered" : "ended" : sent > 0 ? "noend" : waits;
    return [client!, "client", word(key)];
  });
  const threads = state.threads.map((thread) => {
    const { name, inside, spins, place, joins } = thread;
    const kind = kindOf(state, thread);
    const key = joins ? "joins" : inside?.on.length ? kind : spins > 0 ? "spins" : "awake";
    const call = spins > 0 ? `${spins.toLocaleString("en")} ×` : inside?.text.replace(/ …$/, "") ?? "";
    const line = place && ` · ${word("line", place.split(":")[1])}`;
    return [name, kind, `${kind === "asleep" ? "☾ " : ""}${word(key)} <code>${escape(call)}</code>${line}`];
  });
  return [clients, threads];
}
function whoOf({ recorded }: Run, before: State, state: State, at: number): string {
  const seen = recorded.rests.find(({ after }) => after === at)?.seen;
  const [old, now] = [before, state].map(items);
  const lists = now.map((list, i) =>
    list.map(([name, kind, text]) => {
      const same = old[i].some((item) => `${item}` === `${[name, kind, text]}`);
      const within = `<small>${escape(seen?.wchan[name] ?? "")}</small>`;
      return framed("li", same ? kind : `${kind} changed`, `<b>${named(name, state)}</b> ${text} ${within}`);
    })
  );
  const checked = seen ? `${word("checked")} ${word("cpu")}: ${seen.cpu.toFixed(2)} s.` : "";
  const said = state.said.map((text) => `<pre>${escape(text)}</pre>`).join("");
  return `${lists.map((list) => `<ul>${list.join("")}</ul>`).join("")}<small>${checked}</small>${said}`;
}

/** The call in full, a sentence, what is worth a pause, and what is asked before a step that surprises. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  const [question] = shown.length === 1 ? keysAt(run, at + 1, WORDS.questions) : [];
  const asks = question ? questionOf(question) : "";
  if (!line) return `<p>${word("start")}</p>${asks}`;
  const { who, text, call, note, time, place } = line;
  const [before, after] = run.states.slice(at - 1);
  const does = who.startsWith("client")
    ? word(`client ${call}`, text.split(" ")[1])
    : `<code>${escape(text)}</code>`;
  const notes = keysAt(run, at, WORDS.notes).map((key) =>
    `<blockquote>${escape(WORDS.notes[key][lang])}</blockquote>`
  );
  return `${verdict}<p><b>${named(who, after)} ${does}</b> ${escape(note)}
<small>${time.toFixed(2)} ms ${place}</small></p><p>${escape(explain(before, after, line))}</p>
${notes.join("")}${asks}`;
}
function questionOf(key: string): string {
  const { ask, choices, right } = WORDS.questions[key];
  const buttons = choices.map((choice, i) =>
    `<button value="${i === right ? "right" : "wrong"}">${escape(choice[lang])}</button>`
  );
  return `<p><b>${word("next")} ${escape(ask[lang])}</b></p>${buttons.join("")}`;
}

const SLIDER = byId("slider") as HTMLInputElement;

function render() {
  SLIDER.max = `${track.length - 1}`;
  SLIDER.value = `${step}`;
  byId("count").textContent = `${step} / ${track.length - 1}`;
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    link.ariaCurrent = link.hash === `#${idsOf(shown)}/0` ? "true" : null;
  }
  byId("runs").innerHTML = shown.map((run, i) => {
    const at = track[step][i];
    const [before, state] = [run.states[Math.max(at - 1, 0)], run.states[at]];
    const { svg, height } = scene(before, state, 430);
    const panes = {
      source: `<ol>${sourceOf(run, state, run.lines[at - 1])}</ol>`,
      who: whoOf(run, before, state, at),
      kernel: drawing(430, height, svg),
    };
    const html = Object.entries(panes).map(([name, html]) =>
      `<div class="${name}"><h3>${word(name)}</h3>${html}</div>`
    );
    return `<section><h2>${run.title}</h2><div class="panes">${html.join("")}</div></section>`;
  }).join("");
  byId("saying").innerHTML = shown.map((run, i) => `<div>${sayingOf(run, track[step][i])}</div>`).join("");
  for (const list of document.querySelectorAll("ol")) {
    const line = list.querySelector<HTMLElement>(".running") ?? list.querySelector("b")?.parentElement;
    if (line) list.scrollTop = line.offsetTop - list.clientHeight / 2;
  }
}

const ACTIONS: Record<string, () => void> = {
  ArrowRight: () => show(step + 1),
  ArrowLeft: () => show(step - 1),
  ArrowDown: () => show(events.find((event) => event > step) ?? track.length - 1),
  ArrowUp: () => show(events.findLast((event) => event < step) ?? 0),
};

/** Put up what does not change. */
function setUp() {
  document.documentElement.lang = lang ? "zh-CN" : "en";
  document.title = word("heading");
  for (const id of ["heading", "keys"]) byId(id).textContent = word(id);
  byId("intro").textContent = word(data.live ? "live" : "intro");
  byId("lang").textContent = lang ? "English" : "中文";
  byId("lang").onclick = () => location.href = `?lang=${lang ? "en" : "zh"}${location.hash}`;
  if (!data.live) {
    const link = (ids: string, text = ids.replace("+", " | ")) => `<a href="#${ids}/0">${text}</a>`;
    const title = (id: string, { title }: Run) => id.includes("-") ? title : title.split(/[:：]/)[0];
    const links = [...runs].map(([id, run]) => link(id, title(id, run)));
    const side = ["01+02", "04+05", "05+06"].map((ids) => link(ids));
    const groups = [links.slice(0, 6), [word("side"), ...side], [word("broken"), ...links.slice(6)]];
    byId("nav").innerHTML = groups.map((group) => `<p>${group.join(" ")}</p>`).join("");
    byId("made").textContent = word("made", first.recorded.runtime);
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-key]")) {
    button.title = button.ariaLabel = word(button.dataset.key!);
    button.onclick = ACTIONS[button.dataset.key!];
  }
  SLIDER.ariaLabel = word("slider");
  SLIDER.oninput = () => show(SLIDER.valueAsNumber);
  byId("saying").onclick = ({ target }) => {
    if (target instanceof HTMLButtonElement) {
      show(step + 1, `<p><b>${target.textContent} ${word(target.value)}</b></p>`);
    }
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
async function listen(known = -1) {
  const { lines, version, ended } = await (await fetch(`story?${known}`)).json();
  first.cut(0); // what went on is told anew
  for (const line of lines) first.add(line);
  const follows = step === track.length - 1;
  lay();
  if (follows) step = track.length - 1;
  render();
  if (ended === undefined) return listen(version);
  byId("ended").textContent = `${word("over")} ${ended}`;
}

setUp();
if (data.live) listen();
