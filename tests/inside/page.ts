/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. */
import { type Line, readLine } from "../support/trace_lines.ts";
import { advance, START, type State } from "./model.ts";
import { describe, escape, scene, SCENE_DEFS } from "./scene.ts";
import { anchors, explain, type Language, named, title, WORDS } from "./words.ts";

/** What the file brings along: the recordings; or one run that is still empty and comes from the server. */
const data: {
  live: boolean;
  runs: {
    id: string;
    runtime: string;
    file: string;
    source: string;
    lines: string[];
    rests: { after: number; seen: { cpu: number; asleep: Record<string, { wchan: string }> } }[];
  }[];
} = JSON.parse(document.getElementById("data")!.textContent!);

/** A run as the page has it. */
class Run {
  readonly id: string;
  readonly runtime: string;
  readonly file: string;
  readonly source: string[];
  readonly lines: Line[] = [];
  /** One more than lines: the first is before all of them. */
  readonly states: State[] = [START];
  readonly rests: (typeof data.runs)[0]["rests"];
  anchors: Record<string, number>;
  /** Child processes, in the order in which they came. */
  readonly children: string[] = [];

  constructor({ id, runtime, file, source, lines, rests }: (typeof data.runs)[0]) {
    [this.id, this.runtime, this.file, this.rests] = [id, runtime, file, rests];
    this.source = source.split("\n");
    for (const line of lines.flatMap(readLine)) this.grow(line);
    this.anchors = anchors(this.lines, this.states);
  }

  grow(line: Line) {
    this.lines.push(line);
    this.states.push(advance(this.states.at(-1)!, line));
    for (const { name } of this.states.at(-1)!.processes) {
      if (name !== "main" && !this.children.includes(name)) this.children.push(name);
    }
  }

  name = (who: string) => named(title(who, this.children), lang);
  get title() {
    return WORDS.titles[this.id]?.[lang] ?? this.file;
  }
}

const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const lang: Language = wanted.startsWith("zh") ? 1 : 0;
const word = (key: string) => WORDS.page[key][lang];
const byId = (id: string) => document.getElementById(id)!;
const runs = data.runs.map((run) => new Run(run));

/** One run, or two side by side. */
let shown = [runs[0]];
/** Where each of them stands at each step: both begin together whatever a client does. */
let track: number[][] = [];
/** The steps at which a client does something. */
let events: number[] = [];
let step = 0;
/** A question that is open, and what was answered to it. */
let question: string | undefined;
let verdict: number | undefined;
const asked = new Set<string>();

function lay() {
  const begins = ({ who }: Line) => who.startsWith("client");
  const parts = shown.map(({ lines }) => [
    0,
    ...lines.flatMap((line, i) => begins(line) ? [i + 1] : []),
    lines.length + 1,
  ]);
  [track, events] = [[], []];
  for (let part = 0; part + 1 < Math.min(...parts.map(({ length }) => length)); part++) {
    events.push(track.length);
    const longest = Math.max(...parts.map((at) => at[part + 1] - at[part]));
    for (let i = 0; i < longest; i++) {
      track.push(parts.map((at) => Math.min(at[part] + i, at[part + 1] - 1)));
    }
  }
}

/** Go to a step; before one that surprises there is a question, for who comes from the step before. */
function go(to: number) {
  const [run] = shown;
  const name = Object.keys(run.anchors).find((name) =>
    run.anchors[name] === to && WORDS.questions[`${run.id}/${name}`]
  );
  const key = `${run.id}/${name}`;
  if (shown.length === 1 && name && to === step + 1 && !asked.has(key)) {
    asked.add(key);
    [question, verdict] = [key, undefined];
    return render();
  }
  question = undefined;
  show(to);
}

function show(to: number) {
  step = Math.max(0, Math.min(to, track.length - 1));
  history.replaceState(null, "", `#${shown.map(({ id }) => id).join("+")}/${step}`);
  render();
}

/** Somebody has chosen; or just goes on. */
function answer(choice?: number) {
  verdict = choice;
  if (choice === undefined) question = undefined;
  show(step + 1);
}

/** `#05/17`, `#05/wake`, `#05+06/17`. */
function follow() {
  const [ids, at = "0"] = decodeURIComponent(location.hash.slice(1)).split("/");
  const found = ids.split("+").flatMap((id) => runs.find((run) => run.id === id) ?? []);
  shown = found.length > 0 ? found.slice(0, 2) : [runs[0]];
  question = undefined;
  lay();
  const has = shown.findIndex(({ anchors }) => at in anchors);
  step = has === -1
    ? Math.min(Number(at) || 0, track.length - 1)
    : track.findIndex((places) => places[has] === shown[has].anchors[at]);
  render();
}

/** A line of source: what does not fit goes on below its own indentation, and comments step back. */
function codeOf(text: string): string {
  const [, indent, code, comment = ""] = /^( *)(.*?)((?:\/\/ |\/?\*).*)?$/.exec(text)!;
  return `<code style="margin-left:${indent.length}ch">${escape(code)}<i>${escape(comment)}</i></code>`;
}

/** The source, with what a changed copy has added or left out, the line that runs, and who sleeps where. */
function sourceOf(run: Run, { threads }: State, line?: Line): string {
  const running = line?.place.split(":")[1]?.split(",").map(Number) ?? [];
  const first = run.source.findIndex((text) => text.startsWith("import"));
  const lesson = runs.find(({ id }) => id === run.id.split("-")[0])?.source ?? run.source;
  let next = lesson.indexOf(run.source[first]);
  return run.source.slice(first).map((text, i) => {
    const number = first + i + 1;
    const added = !lesson.slice(next).includes(text);
    let html = "";
    while (
      next < lesson.length && lesson[next] !== text && !run.source.slice(number - 1).includes(lesson[next])
    ) {
      html += `<li class="removed">${codeOf(lesson[next++])}</li>`;
    }
    if (!added) next++;
    const here = threads.filter(({ place, inside }) =>
      inside?.sleeps && Number(place.split(":")[1]) === number
    );
    const chips = here.map(({ name, woken }) =>
      `<b class="${woken ? "woken" : "asleep"}">${woken ? "▸" : "☾"} ${run.name(name)}</b>`
    );
    const kind = running.includes(number) ? `running" aria-current="step` : added ? "added" : "";
    return `${html}<li value="${number}" class="${kind}">${codeOf(text)}${chips.join("")}</li>`;
  }).join("");
}

/** Clients and threads: what each is at. */
function whoOf(run: Run, before: State, state: State, at: number): string {
  const seen = run.rests.find(({ after }) => after === at)?.seen;
  const queue = state.sockets.find(({ queue }) => queue)?.queue ?? [];
  const item = (kind: string, name: string, text: string, changed: boolean) =>
    `<li class="${kind}${changed ? " changed" : ""}"><b>${run.name(name)}</b> ${text}</li>`;
  const clients = state.clients.map((client) => {
    const { name, gone, over, sent, asked, socket } = client;
    const old = before.clients.find((client) => client.name === name);
    const waits = `${queue.includes(socket) ? "queued" : "silent"}${asked > 0 ? "Asked" : ""}`;
    const key = gone ? "gone" : over ? sent > 0 ? "answered" : "ended" : sent > 0 ? "noend" : waits;
    return item(`client ${key}`, name, word(key), JSON.stringify(old) !== JSON.stringify(client));
  });
  const threads = state.threads.map((thread) => {
    const { name, inside, woken, spins, place, call } = thread;
    const old = before.threads.find((thread) => thread.name === name);
    const code = `<code>${escape(inside?.text.replace(/ …$/, "") ?? "")}</code>`;
    const wchan = seen?.asleep[name] ? ` <small>${escape(seen.asleep[name].wchan)}</small>` : "";
    const [kind, text] = woken
      ? ["woken", `${word("woken")}: ${code}`]
      : inside?.sleeps
      ? ["asleep", `☾ ${word("asleep")} ${code}${wchan}`]
      : spins > 0
      ? ["awake", `${word("spins")}: ${spins.toLocaleString("en")} ×`]
      : name === "main" && call === "clone"
      ? ["asleep", `☾ ${word("joins")}`]
      : ["awake", word("awake")];
    const line = place && ` · ${word("line").replace("{n}", place.split(":")[1])}`;
    const same = old?.woken === woken && old.inside?.text === inside?.text && old.place === place && !spins;
    return item(kind, name, text + line, !same);
  });
  const checked = seen ? `${word("checked")} ${word("cpu")}: ${seen.cpu.toFixed(2)} s.` : "";
  const said = state.said.map((text) => `<pre>${escape(text)}</pre>`).join("");
  return `<ul>${clients.join("")}</ul><ul>${threads.join("")}</ul><p class="checked">${checked}</p>${said}`;
}

/** The call in full, a sentence, and what is worth a pause. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  if (!line) return `<p>${word("start")}</p>`;
  const { who, text, call, note, time, place } = line;
  const does = WORDS.page[`client ${call}`]?.[lang].replace(
    "{n}",
    text.split(" ")[1],
  );
  const notes = Object.keys(run.anchors).filter((name) => run.anchors[name] === at)
    .flatMap((name) => WORDS.notes[`${run.id}/${name}`]?.[lang] ?? []);
  return `<p class="call"><b>${run.name(who)}</b> ${
    who.startsWith("client") ? does : `<code>${escape(text)}</code>`
  } ${escape(note)} <small>${time.toFixed(2)} ms ${place}</small></p><p>${
    escape(explain(run.states[at - 1], run.states[at], line, lang))
  }</p>${notes.map((note) => `<p class="note">${escape(note)}</p>`).join("")}`;
}

function questionOf(key: string): string {
  const { ask, choices, right } = WORDS.questions[key];
  if (verdict !== undefined) {
    return `<p class="verdict">${escape(ask[lang])} ${word(verdict === right ? "right" : "wrong")}</p>`;
  }
  const buttons = choices.map((choice, i) => `<button data-choice="${i}">${escape(choice[lang])}</button>`);
  return `<p><b>${word("next")}</b> ${escape(ask[lang])}</p>${buttons.join("")}`;
}

function render() {
  const slider = byId("slider") as HTMLInputElement;
  slider.max = `${track.length - 1}`;
  slider.value = `${step}`;
  byId("count").textContent = `${step} / ${track.length - 1}`;
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    link.ariaCurrent = link.hash.split("/")[0] === `#${shown.map(({ id }) => id).join("+")}` ? "true" : null;
  }
  const pair = shown.length > 1;
  byId("runs").className = pair ? "pair" : "";
  byId("runs").innerHTML = shown.map((run, i) => {
    const at = track[step][i];
    const [before, state] = [run.states[Math.max(at - 1, 0)], run.states[at]];
    const options = { lang, width: 430, children: run.children };
    const { svg, height } = scene(before, state, options);
    const words = escape(describe(state, options)).replaceAll('"', "");
    return `<section class="run" aria-label="${run.title}"><h2>${run.title}</h2>${
      pair ? `<div class="saying">${sayingOf(run, at)}</div>` : ""
    }<div class="panes">
<div class="source"><h3>${word("source")}: ${run.file}</h3><ol>${
      sourceOf(run, state, run.lines[at - 1])
    }</ol></div>
<div class="who"><h3>${word("who")}</h3>${whoOf(run, before, state, at)}</div>
<div class="kernel"><h3>${word("kernel")}</h3><svg class="scene" viewBox="-1 -1 432 ${
      height + 2
    }" role="img" aria-label="${words}">${SCENE_DEFS}${svg}</svg></div>
</div></section>`;
  }).join("");
  const open = question !== undefined && verdict === undefined;
  byId("saying").hidden = pair;
  byId("saying").innerHTML = pair
    ? ""
    : (question ? questionOf(question) : "") + (open ? "" : sayingOf(shown[0], track[step][0]));
  byId("made").hidden = data.live;
  byId("made").textContent = word("made").replace("{runtime}", shown[0].runtime);
  for (const list of document.querySelectorAll<HTMLElement>(".source ol")) {
    const line = list.querySelector<HTMLElement>(".running") ?? list.querySelector("b")?.parentElement;
    if (line) list.scrollTop = line.offsetTop - list.clientHeight / 2;
  }
}

const ACTIONS: Record<string, () => void> = {
  ArrowRight: () => question && verdict === undefined ? answer() : go(step + 1),
  ArrowLeft: () => go(step - 1),
  ArrowDown: () => go(events.find((event) => event > step) ?? track.length - 1),
  ArrowUp: () => go(events.findLast((event) => event < step) ?? 0),
  Home: () => go(0),
  End: () => show(track.length - 1),
};

/** Put up what does not change. */
function setUp() {
  document.documentElement.lang = lang ? "zh-CN" : "en";
  document.title = word("heading");
  for (const id of ["heading", "keys"]) byId(id).textContent = word(id);
  byId("intro").textContent = word(data.live ? "live" : "intro");
  const links = (name: string, all: string[][]) =>
    `<p>${name} ${all.map(([ids, text]) => `<a href="#${ids}/0">${text}</a>`).join(" ")}</p>`;
  const lessons = runs.filter(({ id }) => !id.includes("-"));
  byId("nav").innerHTML = data.live ? "" : [
    links("", lessons.map(({ id, title }) => [id, title.split(/[:：]/)[0]])),
    links(word("side"), ["01+02", "04+05", "05+06"].map((ids) => [ids, ids.replace("+", " | ")])),
    links(word("broken"), runs.filter((run) => !lessons.includes(run)).map(({ id, title }) => [id, title])),
  ].join("");
  byId("lang").textContent = lang ? "English" : "中文";
  byId("lang").onclick = () => location.href = `?lang=${lang ? "en" : "zh"}${location.hash}`;
  for (const button of document.querySelectorAll<HTMLElement>("[data-key]")) {
    button.title = button.ariaLabel = word(button.dataset.key!);
    button.onclick = ACTIONS[button.dataset.key!];
  }
  byId("slider").ariaLabel = word("slider");
  byId("slider").oninput = () => show(Number((byId("slider") as HTMLInputElement).value));
  byId("saying").onclick = ({ target }) => {
    const { choice } = (target as HTMLElement).dataset;
    if (choice !== undefined) answer(Number(choice));
  };
  document.onkeydown = (event) => {
    const lesson = runs.find(({ id }) => id === `0${event.key}`);
    const action = lesson ? () => location.hash = `#${lesson.id}/0` : ACTIONS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };
  onhashchange = follow;
  follow();
}

/** Lines come while the server runs. Who looks at the last step stays with it. */
function listen(run: Run) {
  const source = new EventSource("events");
  source.onmessage = ({ data }) => {
    const { from, lines, ended }: { from: number; lines: Line[]; ended?: string } = JSON.parse(data);
    const follows = step === track.length - 1;
    run.lines.length = from; // a count that goes on is told anew
    run.states.length = from + 1;
    for (const line of lines) run.grow(line);
    lay();
    if (follows) step = track.length - 1;
    render();
    if (ended === undefined) return;
    source.close();
    byId("ended").textContent = `${word("over")} ${ended}`;
  };
}

setUp();
if (data.live) listen(runs[0]);
