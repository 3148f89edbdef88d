/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. */
import { isClient, type Line } from "../support/trace_lines.ts";
import { asleep, connections, queued, type State, type Thread } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { compare, drawing, escape, scene, signed } from "./scene.ts";
import { explain, lang, named, noteOf, SPACE, WORDS } from "./words.ts";

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
    ...lines.flatMap((line, i) => isClient(line) ? [i + 1] : []),
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
  const found = ids.split(/[+|]/).flatMap((id) => runs.get(id) ?? []);
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
const kindOf = (thread: Thread) => asleep(thread) ? "asleep" : "woken";
/** Where a thread is. The lines of a lesson that make no call are not in its trace, such as the one that joins. */
function lineOf({ recorded }: Run, { place, does }: Thread): string {
  const joins = recorded.source.split("\n").findIndex((text) => text.includes(".join()")) + 1;
  return does === "joins" && joins ? `${joins}` : place.split(":")[1] ?? "";
}

/** The source, with what a changed copy has added or left out, the line that runs, and who sleeps where. */
function sourceOf(run: Run, state: State, line?: Line): string {
  const { recorded } = run;
  const [source, lesson] = [recorded, runs.get(recorded.id.split("-")[0])?.recorded ?? recorded]
    .map(({ source }) => source.split("\n"));
  const running = line?.place.split(":")[1]?.split(",").map(Number) ?? [];
  let next = 0;
  const lines = source.map((text, i) => {
    const number = i + 1;
    let html = "";
    while (next < lesson.length && !source.slice(i).includes(lesson[next])) {
      html += `<li>${codeOf(lesson[next++], "del")}</li>`;
    }
    const tag = lesson[next] === text ? "span" : "ins";
    if (tag === "span") next++;
    const here = state.threads.filter((one) =>
      /asleep|woken|starts|joins/.test(one.does) && lineOf(run, one) === `${number}`
    );
    const chips = here.map((thread) => framed("b", kindOf(thread), signed(state, thread)));
    const runs = running.includes(number) ? `class="running" aria-current="step"` : "";
    return `${html}<li value="${number}" ${runs}>${codeOf(text, tag)} ${chips.join(" ")}</li>`;
  });
  return `<ol>${lines.join("")}</ol>`;
}

/** What each client and each thread is at: its name, the kind of its frame, and words. */
function items(run: Run, state: State): string[][][] {
  const clients = connections(state).map((socket) => {
    const { client, gone, over, sent, asked } = socket;
    const waits = `${queued(socket) ? "queued" : "silent"}${asked > 0 ? "Asked" : ""}`;
    const key = gone ? "gone" : over ? sent > 0 ? "answered" : "ended" : sent > 0 ? "noend" : waits;
    return [client!, "client", word(key)];
  });
  const threads = state.threads.map((thread) => {
    const { name, does, text } = thread;
    const kind = kindOf(thread);
    const call = named(text.replace(/ …$/, ""), state);
    const lines = lineOf(run, thread);
    const line = lines && ` · ${word(lines.includes(",") ? "lines" : "line", lines.replace(",", ", "))}`;
    return [name, kind, `${kind === "asleep" ? "☾ " : ""}${word(does)} <code>${escape(call)}</code>${line}`];
  });
  return [clients, threads];
}
function whoOf(run: Run, before: State, state: State, at: number): string {
  const rests = run.recorded.rests.filter(({ after }) => after <= at);
  const [rest, last] = rests.toReversed();
  const seen = rest?.after === at ? rest.seen : undefined;
  const [old, now] = [before, state].map((state) => items(run, state));
  const lists = now.map((list, i) =>
    compare(list, old[i], ([name]) => name).map(({ one, was, gone }) => {
      const [name, kind, text] = one;
      const mark = gone ? "gone" : `${was}` === `${one}` ? "" : "changed";
      return framed("li", `${kind} ${mark}`, `<b>${named(name, state)}</b> ${text}`);
    })
  );
  const since = (what: "cpu" | "at") => `${(rest.seen[what] - last.seen[what]).toFixed(2)} s`;
  const found = state.threads.every(asleep) ? "checked" : "turning";
  const checked = (seen ? word(found) : "") +
    (seen && last ? SPACE + word("cpu", `${since("cpu")} / ${since("at")}`) : "");
  const said = state.said.map((text) => `<pre>${escape(text)}</pre>`).join("");
  return `${lists.map((list) => `<ul>${list.join("")}</ul>`).join("")}<small>${checked}</small>${said}`;
}

/** The call in full, a sentence, what is worth a pause, and what is asked before a step that surprises. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  const [asked, [question]] = [at, at + 1].map((step) =>
    shown.length === 1 ? keysAt(run, step, WORDS.questions) : []
  );
  const asks = question ? questionOf(question) : "";
  // A note may give away what is asked: it comes with the answer.
  const noted = [
    ...asked.length > 0 ? keysAt(run, at - 1, WORDS.notes) : [],
    ...asks ? [] : keysAt(run, at, WORDS.notes),
  ];
  const notes = noted.map((key) => `<blockquote>${escape(WORDS.notes[key][lang])}</blockquote>`).join("");
  if (!line) return `<p>${word("start")}</p>${notes}`;
  const { who, text, call, note, time, place } = line;
  const [before, after] = run.states.slice(at - 1);
  const does = isClient(line) ? word(`client ${call}`, text.split(" ")[1]) : `<code>${escape(text)}</code>`;
  const order = [...runs.values()];
  const next = at === run.lines.length && shown.length === 1 && order[order.indexOf(run) + 1];
  const link = next ? `<p>${word("following")} ${linkTo(next.recorded.id, next.title)}</p>` : "";
  return `${verdict}<p><b>${named(who, after)} ${does}</b> ${escape(noteOf(note))}
<small>${time.toFixed(2)} ms ${place}</small></p><p>${escape(explain(before, after, line))}</p>
${notes}${asks}${link}`;
}
const linkTo = (ids: string, text = ids.replace("+", " | ")) => `<a href="#${ids}/0">${text}</a>`;
function questionOf(key: string): string {
  const { ask, choices, right } = WORDS.questions[key];
  const buttons = choices.map((choice) =>
    `<button value="${choice === choices[right] ? word("right") : word("wrong", choices[right][lang])}">${
      escape(choice[lang])
    }</button>`
  );
  return `<p><b>${word("next")}${SPACE}${escape(ask[lang])}</b></p>${buttons.join("")}`;
}

/** Whether one of two runs has nothing to do in this step. */
const stands = (i: number) => track[step - 1]?.[i] === track[step][i] ? "still" : "";

/** What the words mean and what the signs do: before the first step, where the rest will be. */
const TERMS = WORDS.terms.map((text) => `<p>${escape(text[lang]).replace(/^.*?[:：]/, "<b>$&</b>")}</p>`)
  .join("");
const LEGEND = Object.entries(WORDS.legend).map(([sign, text]) => {
  const [, kind, shown] = /^(\w+) (.*)/.exec(sign)!;
  return `<p>${framed("b", kind, shown)} ${escape(text[lang])}</p>`;
}).join("");

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
    const [before, state] = [run.states[stands(i) ? at : Math.max(at - 1, 0)], run.states[at]];
    const { svg, height } = scene(before, state, 430);
    const begins = at > 0 ? "" : " 0";
    const panes = [
      ["source", run.recorded.id.includes("-") ? " changed" : "", sourceOf(run, state, run.lines[at - 1])],
      ["who", begins, begins ? LEGEND : whoOf(run, before, state, at)],
      ["kernel", begins, begins ? TERMS : drawing(430, height, svg)],
    ];
    const html = panes.map(([name, how, html]) =>
      `<div class="${name}"><h3>${word(name + how)}</h3>${html}</div>`
    );
    return `<section class="${stands(i)}"><h2>${run.title}</h2><div class="panes">${
      html.join("")
    }</div></section>`;
  }).join("");
  byId("saying").innerHTML = shown.map((run, i) =>
    `<div class="${stands(i)}">${sayingOf(run, track[step][i])}</div>`
  )
    .join("");
  for (const list of document.querySelectorAll("ol")) {
    const line = [...list.querySelectorAll<HTMLElement>(".running")].at(-1) ??
      list.querySelector("b")?.parentElement;
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
  byId("lang").lang = lang ? "en" : "zh-CN";
  byId("lang").onclick = () => location.href = `?lang=${lang ? "en" : "zh"}${location.hash}`;
  if (!data.live) {
    const title = (id: string, { title }: Run) => id.includes("-") ? title : title.split(/[:：]/)[0];
    const links = [...runs].map(([id, run]) => linkTo(id, title(id, run)));
    const side = ["01+02", "04+05", "05+06"].map((ids) => linkTo(ids));
    const groups = [links.slice(0, 6), [word("side"), ...side], [word("broken"), ...links.slice(6)]];
    byId("nav").innerHTML = groups.map((group) => `<p>${group.join(" ")}</p>`).join("");
    byId("made").textContent = word(
      "made",
      first.recorded.runtime.replace(/^./, (letter) => letter.toUpperCase()),
    );
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-key]")) {
    button.title = button.ariaLabel = word(button.dataset.key!);
    button.textContent = button.textContent!.replace("…", word("event"));
    button.onclick = ACTIONS[button.dataset.key!];
  }
  SLIDER.ariaLabel = word("slider");
  SLIDER.oninput = () => show(SLIDER.valueAsNumber);
  byId("saying").onclick = ({ target }) => {
    if (target instanceof HTMLButtonElement) {
      show(step + 1, `<p><b>${target.textContent} ${target.value}</b></p>`);
      byId("saying").focus();
    }
  };
  document.onkeydown = (event) => {
    const action = runs.has(`0${event.key}`) ? () => location.hash = `#0${event.key}/0` : ACTIONS[event.key];
    const scrolls = /Up|Down/.test(event.key) && (event.target as Element).closest("ol, #saying");
    if (!action || scrolls || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };
  onhashchange = follow;
  follow();
}

/** Lines come while the server runs. Who looks at the last step stays with it. */
async function listen(known = "") {
  const story = await (await fetch("story")).text();
  const { lines, ended } = JSON.parse(story);
  if (story !== known) {
    first.splice(0, Infinity, ...lines); // what went on is told anew
    const follows = step === track.length - 1;
    lay();
    if (follows) step = track.length - 1;
    render();
  }
  if (ended === undefined) return setTimeout(listen, 100, story);
  byId("ended").textContent = `${word("over")} ${ended}`;
}

setUp();
if (data.live) listen();
