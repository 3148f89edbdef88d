/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. The address says what it shows. */
import { isClient, type Line } from "../support/trace_lines.ts";
import { connections, queued, type State } from "./model.ts";
import { type Recorded, Run } from "./run.ts";
import { compare, escape, scene, signed, threadsAt } from "./scene.ts";
import { explain, lang, named, noteOf, WORDS } from "./words.ts";

const byId = (id: string) => document.getElementById(id)!;

/** What the file brings along: the recordings; or one run that is still empty and comes from the server. */
const data: { live: boolean; runs: Recorded[] } = JSON.parse(byId("data").textContent!);
const runs = new Map(data.runs.map((recorded) => [recorded.id, new Run(recorded)]));
const [first] = runs.values();

const word = (key: string, n = "") => WORDS.page[key][lang].replace("{n}", n);

/** Where each of some runs stands at each step: at a client's event all begin together. And where there is more to say. */
function lay(runs: Run[]) {
  const begins = ({ lines }: Run) => lines.flatMap((line, i) => isClient(line) ? [i + 1] : []);
  const parts = runs.map((run) => [0, ...begins(run), run.lines.length + 1]);
  const track: number[][] = [];
  for (let part = 1; part < Math.min(...parts.map(({ length }) => length)); part++) {
    const longest = Math.max(...parts.map((at) => at[part] - at[part - 1]));
    for (let i = 0; i < longest; i++) track.push(parts.map((at) => Math.min(at[part - 1] + i, at[part] - 1)));
  }
  const says = (at: number, j: number) => parts[j].includes(at) || moreAt(runs[j], at);
  const comes = (i: number) => (at: number, j: number) => at !== track[i - 1]?.[j] && says(at, j);
  const points = [...track.keys()].filter((i) => track[i].some(comes(i)));
  return { track, points };
}

/** What the address names: `#05/17`, `#05/wake`; two runs side by side, `#05+06/17`. */
function place() {
  const [ids, at = ""] = decodeURIComponent(location.hash.slice(1)).split("/");
  const found = ids.split(/[+|]/).flatMap((id) => runs.get(id) ?? []).slice(0, 2);
  const shown = found.length > 0 ? found : [first];
  const { track, points } = lay(shown);
  const last = track.length - 1;
  const named = track.findIndex((places) => places.some((step, i) => step === shown[i].anchors[at]));
  const step = named === -1 ? Math.max(0, Math.min(Number(at) || 0, last)) : named;
  return { shown, track, points, step, last };
}

/** The source, with what a changed copy has added, the line that runs, and who sleeps where. */
function sourceOf(run: Run, state: State, line?: Line): string {
  const lesson = (runs.get(run.recorded.id.split("-")[0]) ?? run).recorded.source.split("\n");
  const running = line?.place.split(":")[1]?.split(",") ?? [];
  const html = run.recorded.source.split("\n").map((text, i) => {
    const [number, tag] = [`${i + 1}`, lesson.includes(text) ? "span" : "ins"];
    const [, indent, code, comment = ""] = /^( *)(.*?)((?:\/\/ |\/?\*).*)?$/.exec(text)!;
    const here = threadsAt(state, number).map((thread) =>
      ` <b class="frame ${thread.does}">${signed(state, thread)}</b>`
    );
    const how = running.includes(number) ? `class="running" aria-current="step"` : "";
    return `<li value="${number}" ${how} style="padding-left:${indent.length}ch">` +
      `<code><${tag}>${escape(code)}<i>${escape(comment)}</i></${tag}></code>${here.join("")}</li>`;
  });
  return `<ol tabindex="0" aria-label="${word("source")}">${html.join("")}</ol>`;
}

/** What each client and each thread is at; and whether the kernel was asked in this step. */
function whoOf(run: Run, before: State, state: State, at: number): string {
  const items = (state: State) => [
    ...connections(state).map((socket) => {
      const { client, gone, over, sent, asked } = socket;
      const waits = `${queued(socket) ? "queued" : "silent"}${asked > 0 ? "Asked" : ""}`;
      const key = gone ? "gone" : over ? sent > 0 ? "answered" : "ended" : sent > 0 ? "noend" : waits;
      return [client!, "client", word(key)];
    }),
    ...state.threads.map(({ name, does, text }) => {
      const call = escape(named(text.replace(" …", ""), state));
      return [name, does, `${word(does)} <code>${call}</code>`];
    }),
  ];
  const all = compare(items(state), items(before), ([name]) => name);
  const html = all.map(({ one: [name, kind, text], mark }) =>
    `<li class="frame ${kind} ${mark}"><b>${named(name, state)}</b> ${text}</li>`
  );
  const [rest, last = rest] = run.recorded.rests.filter(({ after }) => after <= at).toReversed();
  const since = (what: "cpu" | "at") => (rest.seen[what] - last.seen[what]).toFixed(2);
  const seen = rest?.after === at ? word("checked", since("cpu")).replace("{of}", since("at")) : "";
  const said = state.said.map((text) => `<pre>${escape(text)}</pre>`);
  return `<ul>${html.join("")}</ul><small>${seen}</small>${said.join("")}`;
}

/** The texts of a kind that a run's step has. */
const textsAt = <T>({ anchors, recorded }: Run, at: number, texts: Record<string, T>) =>
  Object.keys(anchors).filter((name) => anchors[name] === at)
    .map((name) => texts[`${recorded.id}/${name}`]).filter(Boolean);

/** What is worth a pause, and what is asked before a step that surprises. */
function moreAt(run: Run, at: number): string {
  const html = textsAt(run, at, WORDS.notes).map((text) => `<blockquote>${text[lang]}</blockquote>`);
  for (const { ask, choices, right } of textsAt(run, at + 1, WORDS.questions)) {
    const answers = choices.map((choice, i) => {
      const answer = i === right ? word("right") : word("wrong", choices[right][lang]);
      return `<details name="answer"><summary>${choice[lang]}</summary>${answer}</details>`;
    });
    html.push(`<p><b>${word("next")} ${ask[lang]}</b></p>`, ...answers);
  }
  return html.join("");
}

/** The call in full, a sentence, and more. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  if (!line) return `<p>${word("start")}</p>${moreAt(run, at)}`;
  const { who, text, call, note, time, place } = line;
  const [before, after] = run.states.slice(at - 1);
  const does = isClient(line) ? word(`client ${call}`, text.split(" ")[1]) : `<code>${escape(text)}</code>`;
  const when = `${time.toFixed(2)} ms ${noteOf(place)}`;
  return `<p><b>${named(who, after)} ${does}</b> ${escape(noteOf(note))} <small>${when}</small></p>
<p>${escape(explain(before, after, line))}</p>${moreAt(run, at)}`;
}

/** A run's step: source, clients and threads, kernel. */
function articleOf(run: Run, at: number): string {
  const [before, state] = [run.states[Math.max(at - 1, 0)], run.states[at]];
  const panes = {
    [run.recorded.id.includes("-") ? "altered" : "source"]: sourceOf(run, state, run.lines[at - 1]),
    ...at > 0 && { who: whoOf(run, before, state, at), kernel: scene(before, state) },
  };
  const html = Object.entries(panes).map(([name, html]) =>
    `<section class="${name}" aria-label="${word(name)}"><h3>${word(name)}</h3>${html}</section>`
  );
  return `<article><h2>${run.title}</h2>${html.join("")}</article>`;
}

function render() {
  const { shown, track, points, step, last } = place();
  const address = (to: number) =>
    `#${shown.map(({ recorded }) => recorded.id).join("+")}/${Math.max(0, Math.min(to, last))}`;
  const ways = {
    ArrowRight: step + 1,
    ArrowLeft: step - 1,
    ArrowDown: points.find((point) => point > step) ?? last,
    ArrowUp: points.findLast((point) => point < step) ?? 0,
  };
  for (const [key, to] of Object.entries(ways)) byId(key).onclick = () => go(address(to));
  for (const link of document.links) link.ariaCurrent = link.hash === address(0) ? "page" : null;
  SLIDER.max = `${last}`;
  SLIDER.value = `${step}`;
  SLIDER.oninput = () => go(address(SLIDER.valueAsNumber));
  byId("count").textContent = `${step} / ${last}`;
  byId("lang").setAttribute("action", location.hash);
  byId("runs").innerHTML = shown.map((run, i) => articleOf(run, track[step][i])).join("");
  byId("saying").innerHTML = shown.map((run, i) => `<div>${sayingOf(run, track[step][i])}</div>`).join("");
  for (const list of document.querySelectorAll("ol")) {
    const find = (what: string) => list.querySelector<HTMLElement>(what);
    const line = find(".running") ?? find("li:has(b)") ?? find("li:has(ins)");
    if (line) list.scrollTop = line.offsetTop - list.offsetTop - list.clientHeight / 2;
  }
}

function go(address: string) {
  history.replaceState(null, "", address);
  render();
}

/** Lines come while the server runs. Who looks at the last step stays with it. */
async function listen(known = "") {
  const story = await (await fetch("story")).text();
  const { lines, ended } = JSON.parse(story);
  const { step, last } = place();
  if (story !== known) {
    first.splice(0, Infinity, ...lines); // what went on is told anew
    go(step === last ? `#live/${lines.length}` : location.hash);
  }
  if (ended === undefined) return setTimeout(listen, 100, story);
  byId("ended").textContent = `${word("over")} ${ended}`;
}

const ids = data.live ? [] : [...runs.keys()].toSpliced(6, 0, "01+02", "04+05", "05+06");
const links = ids.map((id, i) => {
  const title = runs.get(id)?.title.split(/[:：]/)[0] ?? id.replace("+", " | ");
  return `<a class="frame" href="#${id}/0">${title}</a>${i === 5 || i === 8 ? "<br>" : ""}`;
});
document.documentElement.lang = lang ? "zh-CN" : "en";
document.title = word("heading");
const button = (key: string, sign: string) =>
  `<button id="${key}" title="${word(key)}" aria-label="${word(key)}">${sign}</button>`;
document.body.innerHTML = `<form id="lang">
<h1>${word("heading")}</h1>
<button name="lang" value="en" lang="en">English</button>
<button name="lang" value="zh" lang="zh-CN">中文</button>
</form>
<p>${word(data.live ? "intro, live" : "intro")}</p>
<nav aria-label="${word("runs")}">
${links.join(" ")}
</nav>
<div id="controls">
${button("ArrowUp", `◀ ${word("point")}`)}
${button("ArrowLeft", "◀")}
<input id="slider" type="range" min="0" aria-label="${word("slider")}">
${button("ArrowRight", "▶")}
${button("ArrowDown", `${word("point")} ▶`)}
<span id="count"></span>
</div>
<strong id="ended" role="status"></strong>
<div id="saying" aria-live="polite"></div>
<main id="runs"></main>
<details id="terms" open><summary>${word("terms")}</summary>
${WORDS.terms.map((text) => `<p>${text[lang]}</p>`).join("")}
</details>
<p><small>${word(data.live ? "made, live" : "made", first.recorded.runtime)}</small></p>`;
const SLIDER = byId("slider") as HTMLInputElement;
document.onkeydown = (event) => {
  const scrolls = /Up|Down/.test(event.key) && (event.target as Element).closest("ol");
  const way = byId(event.key) ?? [...document.links].find(({ hash }) => hash === `#0${event.key}/0`);
  if (!way || scrolls || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  way.click();
};
onhashchange = render;
render();
if (data.live) listen();
