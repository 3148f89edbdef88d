/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />
/** The page: it runs in a browser, with the model, the words and the scene in the same script. */
import { readLine } from "../support/trace.ts";
import type { Line } from "../support/trace.ts";
import { advance, START, type State } from "./model.ts";
import { NOTES, QUESTIONS } from "./notes.ts";
import { describe, escape, scene, SCENE_DEFS } from "./scene.ts";
import { anchors, explain, type Text, title, TITLES } from "./words.ts";

/** A run as the page has it; a live one grows. */
interface Run {
  readonly id: string;
  readonly runtime: string;
  readonly file: string;
  source: string[];
  readonly lines: Line[];
  /** One more than lines: the first is before all of them. */
  readonly states: State[];
  readonly rests: Map<number, { cpu: number; asleep: Record<string, { wchan: string }> }>;
  anchors: Record<string, number>;
  /** Processes and threads in the order in which they came. */
  readonly order: string[];
}

const T = {
  heading: ["Look inside", "走进内核"],
  intro: [
    "Six small web servers, each with the same clients: four connect and say nothing, a fifth asks. Step through a real run, and see which line sleeps, what wakes it, and what the kernel holds meanwhile.",
    "六个小小的 web 服务器，面对同样的客户端：四个连上后不发数据，第五个发来请求。一步一步走过真实的运行过程，看哪一行在睡、什么把它唤醒、这期间内核里放着什么。",
  ],
  side: ["side by side", "并排对比"],
  broken: ["with a change", "改坏一处"],
  keys: ["← → a step, ↑ ↓ a client's event, 1–6 a lesson", "← → 一步，↑ ↓ 客户端的事件，1–6 选课"],
  source: ["The lesson", "课程源码"],
  who: ["Clients and threads", "客户端与线程"],
  kernel: ["The kernel", "内核"],
  before: ["Before the first call", "第一个调用之前"],
  start: ["Press → to begin.", "按 → 开始。"],
  asleep: ["asleep in", "睡在"],
  awake: ["awake", "醒着"],
  woken: ["woken", "被唤醒"],
  spins: ["awake, asks in vain", "醒着，一直扑空"],
  ended: ["the server has ended the connection", "服务器已结束连接"],
  sent: ["its answer is on its way", "应答已发出"],
  joins: ["waits for its threads", "等待它的线程"],
  line: ["line", "行"],
  queued: ["connected, in the accept queue", "已连上，在全连接队列里"],
  queuedAsked: ["connected, has asked, in the accept queue", "已连上，已发请求，在全连接队列里"],
  silent: ["connected, silent", "已连上，不发数据"],
  asked: ["has asked, waits", "已发请求，等待"],
  answered: ["has its answer", "已收到应答"],
  noend: ["has its answer, but not its end", "已收到应答，但没等到结尾"],
  gone: ["closed", "已关闭"],
  none: ["nobody yet", "还没有人"],
  checked: [
    "✓ Here all had come to rest: tables, queues and sleepers were compared with /proc.",
    "✓ 此刻一切静止：描述符表、队列和睡眠者都与 /proc 核对过。",
  ],
  cpu: ["processor time so far", "至此用掉的处理器时间"],
  next: ["What happens next?", "接下来会怎样？"],
  right: ["Yes.", "对。"],
  wrong: ["No: see.", "不对，请看。"],
  made: [
    "Recorded from runs of the lessons under {runtime}, with --trace. While a server is awake its state cannot be read in one instant, so it is derived from the calls, and compared with /proc whenever all sleep. Linux shows no ready list: it is derived throughout. Marked in red: what this step has changed.",
    "录自课程在 {runtime} 下带 --trace 的真实运行。服务器醒着时无法在一瞬间读出它的全部状态，所以状态由系统调用推导，每当一切静止就与 /proc 核对。Linux 不公开就绪列表，它始终是推导出来的。红色标出的是这一步改变的东西。",
  ],
  previous: ["one step back", "后退一步"],
  following: ["one step on", "前进一步"],
  eventBack: ["to the client's event before", "上一个客户端事件"],
  eventOn: ["to the next client's event", "下一个客户端事件"],
  over: ["The server has ended.", "服务器已结束。"],
} satisfies Record<string, Text>;

const query = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const lang: 0 | 1 = query.startsWith("zh") ? 1 : 0;
const t = (key: keyof typeof T) => T[key][lang];
const byId = (id: string) => document.getElementById(id)!;

/** Take in one more line. */
function grow(run: Run, line: Line) {
  if (!run.order.includes(line.who)) run.order.push(line.who);
  const created = /^(?:fork\(\) = ([1-9]\d*)|clone\(.*)/.exec(line.text);
  const who = created && (created[1] ? `child ${created[1]}` : /^worker \d+/.exec(line.note)?.[0]);
  if (who && !run.order.includes(who)) run.order.push(who);
  run.lines.push(line);
  run.states.push(advance(run.states.at(-1)!, line));
}

interface Data {
  live: boolean;
  runs: {
    id: string;
    runtime: string;
    file: string;
    source: string;
    lines: string[];
    rests: { after: number; seen: { cpu: number; asleep: Record<string, { wchan: string }> } }[];
  }[];
}
const data: Data = JSON.parse(byId("data").textContent!);
const runs: Run[] = data.runs.map(({ id, runtime, file, source, lines, rests }) => {
  const run: Run = {
    id,
    runtime,
    file,
    source: source.split("\n"),
    lines: [],
    states: [START],
    order: [],
    anchors: {},
    rests: new Map(rests.map(({ after, seen }) => [after, seen])),
  };
  for (const line of lines.flatMap(readLine)) grow(run, line);
  run.anchors = anchors(run.lines, run.states);
  return run;
});

let shown: Run[] = [runs[0]];
let step = 0;
/** A question that is open, or what was said to it. */
let question: string | undefined;
let verdict: number | undefined;
const asked = new Set<string>();

const isEvent = ({ who, call }: Line) => who.startsWith("client") && call !== "has";
/** The steps at which the clients do something: they begin a part. */
const beginnings = (
  run: Run,
) => [0, ...run.lines.flatMap((line, i) => isEvent(line) ? [i + 1] : []), run.lines.length + 1];

/** Where each run stands: side by side, both begin a part together, and who has fewer steps in it waits. */
function places(): number[] {
  if (shown.length === 1) return [step];
  const [a, b] = shown.map(beginnings);
  let start = 0;
  for (let part = 0; part + 1 < Math.min(a.length, b.length); part++) {
    const [n, m] = [a[part + 1] - a[part], b[part + 1] - b[part]];
    if (step < start + Math.max(n, m)) {
      return [a[part] + Math.min(step - start, n - 1), b[part] + Math.min(step - start, m - 1)];
    }
    start += Math.max(n, m);
  }
  return shown.map(({ lines }) => lines.length);
}
function lastStep(): number {
  if (shown.length === 1) return shown[0].lines.length;
  const [a, b] = shown.map(beginnings);
  let sum = 0;
  for (let part = 0; part + 1 < Math.min(a.length, b.length); part++) {
    sum += Math.max(a[part + 1] - a[part], b[part + 1] - b[part]);
  }
  return sum - 1;
}

function go(to: number, quietly = false) {
  to = Math.max(0, Math.min(to, lastStep()));
  const [run] = shown;
  const name = Object.keys(run.anchors).find((name) =>
    run.anchors[name] === to && QUESTIONS[`${run.id}/${name}`]
  );
  const key = `${run.id}/${name}`;
  if (!quietly && shown.length === 1 && name && to === step + 1 && !asked.has(key)) {
    asked.add(key);
    question = key;
    verdict = undefined;
    return render();
  }
  if (to !== step || !question) {
    [question, verdict] = to === step + 1 && question && verdict !== undefined
      ? [question, verdict]
      : [undefined, undefined];
  }
  step = to;
  history.replaceState(null, "", `#${shown.map(({ id }) => id).join("+")}/${step}`);
  render();
}

/** `#05/17`, `#05/wake`, `#05+06/17`. */
function follow() {
  const [ids, at = "0"] = decodeURIComponent(location.hash.slice(1)).split("/");
  const found = ids.split("+").flatMap((id) => runs.find((run) => run.id === id) ?? []);
  shown = found.length > 0 ? found.slice(0, 2) : [runs[0]];
  question = verdict = undefined;
  const named = shown[0].anchors[at];
  step = 0;
  if (named !== undefined && shown.length === 2) { while (places()[0] < named && step < lastStep()) step++; }
  else step = Math.max(0, Math.min(named ?? (Number(at) || 0), lastStep()));
  render();
}

/** Forward or back to where a client does something. */
function toEvent(way: 1 | -1) {
  const own = beginnings(shown[0]).slice(0, -1);
  const before = step;
  for (let to = step + way; to >= 0 && to <= lastStep(); to += way) {
    step = to;
    const place = places()[0];
    step = to + (to > 0 ? -1 : 0);
    const fresh = to === 0 || places()[0] !== place;
    step = before;
    if (own.includes(place) && fresh) return go(to, true);
  }
  go(way === 1 ? lastStep() : 0, true);
}

const nameOf = (run: Run, state: State, who: string) =>
  title(state, who, run.order.filter((name) => name.startsWith("child")));
const clientName = (name: string) => lang ? name.replace("client", "客户端") : name;

/** A line of source: what does not fit goes on below its own indentation, and comments step back. */
function codeOf(text: string): string {
  const indent = /^ */.exec(text)![0].length;
  const [, code, comment] = /^(.*?)((?:\/\/ |\/?\*).*)?$/.exec(text.trim())!;
  return `<code style="margin-left:${indent}ch">${escape(code)}${
    comment ? `<i>${escape(comment)}</i>` : ""
  }</code>`;
}

/** What a client does, in Chinese if need be. */
function clientDoes(text: string): string {
  if (lang === 0) return text;
  const bytes = /\d+/.exec(text)?.[0];
  if (text === "has the end") return "读到结尾";
  return {
    connects: "连接",
    sends: `发来 ${bytes} 字节`,
    has: `收到 ${bytes} 字节`,
    closes: "关闭",
  }[text.split(" ")[0]] ?? text;
}

function sourceOf(run: Run, state: State, line?: Line): string {
  const first = run.source.findIndex((text) => text.startsWith("import"));
  const running = line?.place.split(":")[1]?.split(",").map(Number) ?? [];
  const original = runs.find(({ id }) => id !== run.id && id === run.id.split("-")[0])?.source ?? run.source;
  let next = original.indexOf(run.source[first]);
  return run.source.slice(first).map((text, i) => {
    const number = first + i + 1;
    let gone = ""; // lines of the lesson that the changed copy does not have
    const added = !original.slice(next).includes(text);
    if (!added) {
      for (; original[next] !== text; next++) gone += `<li class="removed">${codeOf(original[next])}</li>`;
    }
    if (!added) next++;
    const here = state.threads.filter(({ place, inside }) =>
      inside?.sleeps && Number(place.split(":")[1]) === number
    );
    const chips = here.map(({ name, woken }) =>
      `<b class="${woken ? "woken" : "asleep"}">${woken ? "▸" : "☾"} ${nameOf(run, state, name)}</b>`
    );
    const kind = `${running.includes(number) ? "running" : ""} ${added ? "added" : ""}`;
    return `${gone}<li value="${number}" class="${kind}"${
      kind.startsWith("running") ? ' aria-current="step"' : ""
    }>${codeOf(text)}${chips.join("")}</li>`;
  }).join("");
}

function whoOf(run: Run, before: State, state: State, at: number): string {
  const seen = run.rests.get(at);
  const listening = state.sockets.find(({ backlog }) => backlog !== undefined);
  const clients = state.clients.map((client) => {
    const queued = listening?.queue.includes(client.socket);
    const text = client.gone
      ? t("gone")
      : client.end
      ? t("answered")
      : client.got > 0
      ? t(client.over ? "answered" : "noend")
      : client.over
      ? t("ended")
      : client.sent > 0
      ? t("sent")
      : queued
      ? t(client.asked ? "queuedAsked" : "queued")
      : t(client.asked ? "asked" : "silent");
    const old = before.clients.find(({ name }) => name === client.name);
    return `<li class="client${client.gone ? " gone" : ""}${
      JSON.stringify(old) === JSON.stringify(client) ? "" : " changed"
    }"><b>${clientName(client.name)}</b> ${text}</li>`;
  });
  const threads = state.threads.map((thread) => {
    const { name, inside, woken, spins, place } = thread;
    const call = escape(inside?.text.replace(/ …$/, "") ?? "");
    const wchan = seen?.asleep[name]?.wchan;
    const where = place ? ` · ${t("line")} ${place.split(":")[1]}` : "";
    const joins = name === "main" && run.states.at(-1)!.threads.length > 4 && run.file.startsWith("03") &&
      state.threads.length === 5;
    const [kind, text] = woken ? ["woken", `${t("woken")}: <code>${call}</code>`] : inside?.sleeps
      ? [
        "asleep",
        `${t("asleep")} <code>${call}</code>${wchan ? ` <small>${escape(wchan.split(".")[0])}</small>` : ""}`,
      ]
      : spins > 0
      ? ["spins", `${t("spins")}: ${spins.toLocaleString("en")} ×`]
      : joins
      ? ["asleep", t("joins")]
      : ["awake", t("awake")];
    const old = before.threads.find((thread) => thread.name === name);
    const same = old && old.woken === woken && old.inside?.text === inside?.text && old.spins === spins &&
      old.place === place;
    return `<li class="thread ${kind}${same ? "" : " changed"}"><b>${kind === "asleep" ? "☾ " : ""}${
      nameOf(run, state, name)
    }</b> ${text}${where}</li>`;
  });
  return `<ul>${clients.join("") || `<li class="client gone">${t("none")}</li>`}</ul><ul>${
    threads.join("")
  }</ul>` +
    (seen ? `<p class="checked">${t("checked")} ${t("cpu")}: ${seen.cpu.toFixed(2)} s.</p>` : "") +
    state.said.map((text) => `<pre>${escape(text)}</pre>`).join("");
}

/** The call in full, a sentence, and what is worth a pause. */
function sayingOf(run: Run, at: number): string {
  const line = run.lines[at - 1];
  if (!line) return `<p class="call">${t("before")}</p><p>${t("start")}</p>`;
  const text = explain(run.states[at - 1], run.states[at], line)[lang];
  const client = line.who.startsWith("client");
  const what = client
    ? `${clientName(line.who)} ${clientDoes(line.text)}`
    : `<b>${nameOf(run, run.states[at], line.who)}</b> <code>${escape(line.text)}</code>`;
  const notes = Object.keys(run.anchors).filter((name) => run.anchors[name] === at).map((name) =>
    NOTES[`${run.id}/${name}`]
  ).filter(Boolean);
  return `<p class="call">${client ? `<b>${what}</b>` : what} <span>${escape(line.note)}</span> <small>${
    line.time.toFixed(2)
  } ms ${line.place}</small></p>` +
    `<p>${escape(text)}</p>${notes.map((note) => `<p class="note">${escape(note[lang])}</p>`).join("")}`;
}

function questionOf(): string {
  if (!question) return "";
  const { ask, choices, right } = QUESTIONS[question];
  if (verdict !== undefined) {
    return `<p class="verdict">${escape(ask[lang])} ${verdict === right ? t("right") : t("wrong")}</p>`;
  }
  return `<div class="question"><p><b>${t("next")}</b> ${escape(ask[lang])}</p>${
    choices.map((choice, i) => `<button type="button" data-choice="${i}">${escape(choice[lang])}</button>`)
      .join("")
  }</div>`;
}

function render() {
  const at = places();
  const last = lastStep();
  const slider = byId("slider") as HTMLInputElement;
  slider.max = String(last);
  slider.value = String(step);
  slider.setAttribute("aria-valuetext", `${step} / ${last}`);
  byId("count").textContent = `${step} / ${last}`;
  document.querySelectorAll<HTMLElement>("nav a").forEach((link) => {
    const current = link.dataset.runs === shown.map(({ id }) => id).join("+");
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  byId("runs").className = shown.length > 1 ? "pair" : "";
  byId("runs").innerHTML = shown.map((run, i) => {
    const [state, before] = [run.states[at[i]], run.states[Math.max(at[i] - 1, 0)]];
    const options = { lang, width: 430, order: run.order.filter((name) => name.startsWith("child")) };
    const drawn = scene(before, state, options);
    return `<section class="run" aria-label="${TITLES[run.id]?.[lang] ?? run.file}"><h2>${
      escape(TITLES[run.id]?.[lang] ?? run.file)
    }</h2><div class="panes">
      <div class="source"><h3>${t("source")}: <code>${escape(run.file)}</code></h3><ol>${
      sourceOf(run, state, run.lines[at[i] - 1])
    }</ol></div>
      <div class="who"><h3>${t("who")}</h3>${whoOf(run, before, state, at[i])}</div>
      <div class="kernel"><h3>${t("kernel")}</h3><svg class="scene" viewBox="-1 -1 432 ${
      drawn.height + 2
    }" role="img" aria-label="${
      escape(describe(state, options)).replaceAll('"', "")
    }">${SCENE_DEFS}${drawn.svg}</svg></div></div>${
      shown.length > 1 ? `<div class="saying">${sayingOf(run, at[i])}</div>` : ""
    }</section>`;
  }).join("");
  byId("saying").hidden = shown.length > 1;
  byId("saying").innerHTML = shown.length > 1
    ? ""
    : verdict === undefined && question
    ? questionOf()
    : questionOf() + sayingOf(shown[0], at[0]);
  byId("made").textContent = t("made").replace("{runtime}", shown[0].runtime);
  for (const list of document.querySelectorAll<HTMLElement>(".source ol")) {
    const running = list.querySelector<HTMLElement>(".running") ?? list.querySelector("b")?.parentElement;
    if (running) list.scrollTop = running.offsetTop - list.clientHeight / 2;
  }
}

const KEYS: Record<string, () => void> = {
  ArrowRight: () => question && verdict === undefined ? answer(-1) : go(step + 1),
  ArrowLeft: () => go(question && verdict === undefined ? step : step - 1),
  ArrowDown: () => toEvent(1),
  ArrowUp: () => toEvent(-1),
  Home: () => go(0),
  End: () => go(lastStep(), true),
};

/** What somebody thinks; -1: just show it. */
function answer(choice: number) {
  verdict = choice;
  if (choice === -1) question = undefined;
  const open = question;
  step++;
  history.replaceState(null, "", `#${shown[0].id}/${step}`);
  question = open;
  render();
}

/** Put up what does not change. */
function setUp() {
  document.documentElement.lang = lang ? "zh-CN" : "en";
  document.title = t("heading");
  byId("heading").textContent = t("heading");
  byId("intro").textContent = t("intro");
  byId("keys").textContent = t("keys");
  const link = (ids: string, text: string) => `<a href="#${ids}/0" data-runs="${ids}">${escape(text)}</a>`;
  const group = (name: string, links: string[]) =>
    links.length === 0 ? "" : `<div>${name ? `<span>${name}</span>` : ""}${links.join("")}</div>`;
  const six = runs.filter(({ id }) => /^\d+$/.test(id));
  byId("nav").innerHTML = data.live
    ? ""
    : group("", six.map(({ id }) => link(id, TITLES[id][lang].split(/[:：]/)[0]))) +
      group(t("side"), ["01+02", "04+05", "05+06"].map((ids) => link(ids, ids.replace("+", " | ")))) +
      group(
        t("broken"),
        runs.filter((run) => !six.includes(run)).map(({ id }) => link(id, TITLES[id][lang])),
      );
  for (
    const [id, key] of [["back", "previous"], ["on", "following"], ["event-back", "eventBack"], [
      "event-on",
      "eventOn",
    ]] as const
  ) {
    byId(id).setAttribute("aria-label", t(key));
    byId(id).title = t(key);
  }
  const other = new URL(location.href);
  other.searchParams.set("lang", lang ? "en" : "zh");
  other.hash = "";
  byId("lang").innerHTML = `<a href="${other.search}" lang="${lang ? "en" : "zh"}">${
    lang ? "English" : "中文"
  }</a>`;
  byId("lang").onclick = (event) => {
    event.preventDefault();
    location.href = `${other.search}${location.hash}`;
  };
  byId("back").onclick = KEYS.ArrowLeft;
  byId("on").onclick = KEYS.ArrowRight;
  byId("event-back").onclick = KEYS.ArrowUp;
  byId("event-on").onclick = KEYS.ArrowDown;
  byId("slider").oninput = () => go(Number((byId("slider") as HTMLInputElement).value), true);
  byId("saying").onclick = (event) => {
    const choice = (event.target as HTMLElement).dataset.choice;
    if (choice !== undefined) answer(Number(choice));
  };
  document.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const run = runs.find(({ id }) => id === `0${event.key}`);
    const action = run ? () => location.hash = `#${run.id}/0` : KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("hashchange", follow);
  follow();
}

/** A live run: lines come while the server runs. */
function listen(run: Run) {
  const events = new EventSource("events");
  events.onmessage = ({ data }) => {
    const news: { lines: string[]; ended?: string } = JSON.parse(data);
    const atEnd = step === run.lines.length;
    for (const line of news.lines) {
      const [read] = readLine(line);
      grow(
        run,
        read ?? { time: 0, who: "output", text: line, call: "output", note: "", place: "", waits: false },
      );
    }
    if (news.ended !== undefined) {
      events.close();
      byId("ended").textContent = `${t("over")} ${news.ended}`;
    }
    if (atEnd) step = run.lines.length;
    render();
  };
}

setUp();
if (data.live) listen(runs[0]);
