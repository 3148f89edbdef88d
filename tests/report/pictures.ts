/** Pictures of stories: a lane for each client and for each thread or process of the server, a column for each step. */
import type { Line } from "../support/trace_lines.ts";
import type { Client, Lane, Story } from "./story.ts";
import { escape, page } from "./svg.ts";

const CHAR = 5.5; // width of a character of the calls, px
const LINE = 10.5; // height of a line of them
const SLEEP = 20; // width at the end of a column, in which a lane is asleep or spins
const HEAD = 78; // title, what comes of it, what begins each step
const GAP = 10; // between the lane that makes others and those
const CLIENT = 20; // height of a client's lane
const LABEL = 62; // width of the lanes' names

const STYLE = `<style>
  .awake { fill: #ffcf8f; stroke: #9a5b00 } .asleep { fill: #ffffff; stroke: #6e7781; stroke-dasharray: 3 2 }
  .spin { fill: url(#spin); stroke: #9a5b00 } .waits { fill: url(#waits); stroke: #6e7781 } .silent { stroke: #6e7781; stroke-dasharray: 2 3; fill: none }
  .arrow { stroke: #0550ae; stroke-width: 1.4; fill: none; marker-end: url(#head) } .headfill { fill: #0550ae } .mark { fill: #0550ae }
  .stripe { stroke: #9a5b00; stroke-width: 3 } .under { fill: #ffcf8f } .stripe2 { stroke: #afb8c1; stroke-width: 2 }
  .call, .tag { font: 9px ui-monospace, monospace } .call { stroke: none } .small { font-size: 10px }
  @media (prefers-color-scheme: dark) {
    .awake { fill: #7a4a00; stroke: #ffb757 } .asleep { fill: #0d1117; stroke: #8b949e } .spin, .waits { stroke: #ffb757 } .waits { stroke: #8b949e }
    .silent { stroke: #8b949e } .arrow { stroke: #79c0ff } .headfill, .mark { fill: #79c0ff } .stripe { stroke: #ffb757 } .under { fill: #5a3600 } .stripe2 { stroke: #484f58 }
  }
</style>
<defs>
  <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="headfill" d="M0 0L8 4L0 8z"/></marker>
  <pattern id="spin" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="under" width="7" height="7"/><path class="stripe" d="M0 0V7"/></pattern>
  <pattern id="waits" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="stripe2" d="M0 0V6"/></pattern>
</defs>
`;

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
const word = (n: number) => WORDS[n] ?? `${n}`;
const plural = (n: number, thing: string) => `${word(n)} ${thing}${n === 1 ? "" : "s"}`;
const number = (value: number) => value.toLocaleString("en");

/** A lane's name in the picture: children by their order instead of their PID. */
function title(lanes: readonly Lane[], { name }: Lane): string {
  const [kind, id] = name.split(" ");
  const index = lanes.filter((lane) => lane.name.startsWith(kind)).findIndex((lane) => lane.name === name);
  return id ? `${kind} ${index + 1}` : name;
}

/** How the server does it, as its lanes show it. */
export function how({ lanes, clients, steps }: Story): string {
  const made = lanes.filter(({ born }) => born > 0);
  if (made.length > 0) {
    const thing = made[0].name.startsWith("child") ? "process" : "thread";
    return made.length === clients.length
      ? `a ${thing} for each client`
      : `${word(made.length)} of a ${thing}`;
  }
  const spins = lanes.flatMap(({ spins }) => spins).reduce((sum, n) => sum + (n ?? 0), 0);
  if (spins > 0) return `never asleep: ${number(spins)} calls for nothing`;
  const step = clients.find(({ asks }) => asks)?.connects ?? steps.length;
  const woken = lanes.flatMap((lane) => lane.steps[step] ?? []).find(({ call }) =>
    /^(select|epoll_wait)$/.test(call)
  );
  if (!woken) return plural(lanes.filter(({ name }) => name !== "main").length, "thread");
  const looked = /looked at (\d+), (\d+) had/.exec(woken.note);
  return looked
    ? `asleep in ${woken.call}; it looks at ${word(Number(looked[1]))}, ${
      word(Number(looked[2]))
    } had something`
    : `asleep in ${woken.call}; it is told of ${word(Number(woken.text.split(" = ")[1]))}`;
}

/** Whether a client is answered in the step in which it has come. */
const atOnce = ({ connects, answered }: Client) => answered?.step === connects;

/** From the question to the answer. */
const wait = (asks: Line, answer: Line) => `${Number((answer.time - asks.time).toPrecision(2))} ms`;

/** What becomes of the client that asks. */
export function outcome({ lanes, clients, steps }: Story): string {
  const client = clients.find(({ asks }) => asks);
  if (!client?.asks) return "nobody asks";
  if (!client.answered) return `${client.name} has no answer`;
  const { step, line } = client.answered;
  const time = wait(client.asks, line);
  if (atOnce(client)) {
    const silent = clients.filter(({ asks, leaves = Infinity }) => !asks && leaves > step).length;
    return `${client.name} is answered in ${time}, beside ${plural(silent, "silent client")}`;
  }
  const asleep = lanes.filter(({ sleeps }) =>
    sleeps.some(({ call, from, to }) => call === "recv" && from <= client.connects && to > client.connects)
  );
  return `${client.name} waits ${time}, until ${steps[step].who} leaves: all ${
    word(asleep.length)
  } are asleep in recv`;
}

/** A call as it stands on a block. */
function label({ call, text }: Line): string {
  const result = text.split(" = ")[1];
  const arg = /, (ADD|MOD|DEL)/.exec(text)?.[1];
  if (/^(accept|recv|send|select|epoll_wait|waitpid)$/.test(call) && result) {
    return `${call} = ${result.replace("-1 ", "")}`;
  }
  return arg ? `${call} ${arg}` : call;
}

/** The calls on a block; the same one several times in a row is one line. */
function labels(lines: readonly Line[]): { text: string; lines: Line[] }[] {
  const rows: { text: string; lines: Line[] }[] = [];
  for (const line of lines) {
    const text = label(line);
    if (rows.at(-1)?.text === text) rows.at(-1)!.lines.push(line);
    else rows.push({ text, lines: [line] });
  }
  return rows.map(({ text, lines }) => ({
    text: lines.length > 1 ? `${text} ×${lines.length}` : text,
    lines,
  }));
}

const tip = (lines: readonly Line[]) =>
  `<title>${
    escape(lines.map(({ time, text, note }) => `${time} ms  ${text}  ${note}`.trimEnd()).join("\n"))
  }</title>`;

/** Where everything stands. */
interface Layout {
  /** Where each column begins; one more for the end of the last. */
  readonly x: readonly number[];
  readonly clientY: (client: Client) => number;
  readonly laneY: (lane: Lane) => number;
  readonly laneHeight: (lane: Lane) => number;
  readonly clientHeight: number;
  readonly sleep: number;
  /** Whether there is room for the calls. */
  readonly detail: boolean;
}

/** The lanes of a story, and the arrows between them. */
function draw(story: Story, layout: Layout): string {
  const { steps, clients, lanes } = story;
  const { x, clientY, laneY, laneHeight, clientHeight, sleep, detail } = layout;
  const [bars, arrows, blocks, words]: string[][] = [[], [], [], []];
  const blockEnd = (step: number) => x[step + 1] - sleep;
  const size = detail ? "small" : "call";
  const arrow = (at: number, from: number, to: number) =>
    arrows.push(`<path class="arrow" d="M${r(at)} ${r(from)}V${r(to)}"/>`);
  const inset = detail ? 8 : 4;

  const names = [
    ...clients.map((client) => ({ name: client.name, y: clientY(client) + clientHeight / 2 })),
    ...lanes.map((lane) => ({ name: title(lanes, lane), y: laneY(lane) + laneHeight(lane) / 2 })),
  ].map(({ name, y }) =>
    detail
      ? `<text x="12" y="${r(y)}" dy="4" class="small strong">${name}</text>`
      : `<text x="12" y="${r(y)}" dy="3" class="call">${name}</text>`
  );

  for (const client of clients) {
    const y = clientY(client) + clientHeight / 2;
    const end = client.leaves ?? client.answered?.step ?? steps.length;
    const begin = x[client.connects] + inset;
    const served = client.asks ? client.answered?.step ?? steps.length : client.accepted ?? steps.length;
    const half = clientHeight / 2 - 3;
    if (served > client.connects) {
      bars.push(
        `<rect class="waits" x="${r(begin)}" y="${r(y - half)}" width="${
          r(x[served] + inset - begin)
        }" height="${2 * half}"/>`,
      );
      words.push(
        `<text x="${r(begin + (detail ? 10 : 4))}" y="${r(y)}" dy="3" class="${size}">waits</text>`,
      );
    } else if (!client.asks) {
      bars.push(`<path class="silent" d="M${r(begin)} ${r(y)}H${r(x[end] + inset)}"/>`);
      if (detail) words.push(`<text x="${r(begin + 12)}" y="${r(y)}" dy="3" class="small">silent</text>`);
    }
    bars.push(`<circle class="mark" cx="${r(begin)}" cy="${r(y)}" r="${detail ? 3.5 : 2.5}"/>`);
    if (client.leaves !== undefined) {
      const at = x[client.leaves] + inset;
      bars.push(`<path class="arrow" style="marker-end:none" d="M${r(at - 3)} ${r(y - 3)}l6 6m0 -6l-6 6"/>`);
    }
    const { answered, asks } = client;
    if (answered && asks) {
      const at = atOnce(client) ? begin + 10 : x[answered.step] + inset + 10;
      const said = detail ? `✓ answered after ${wait(asks, answered.line)}` : "✓ answered";
      words.push(`<text x="${r(at)}" y="${r(y)}" dy="3" class="${size} strong">${said}</text>`);
      const by = lanes.find(({ name }) => name === answered.by)!;
      arrow(blockEnd(answered.step) - inset, laneY(by), clientY(client) + clientHeight - 2);
    }
  }

  steps.forEach(({ who, wakes }, step) => {
    const client = clients.find(({ name }) => name === who);
    const lane = lanes.find(({ name }) => name === wakes);
    if (client && lane) arrow(x[step] + inset, clientY(client) + clientHeight / 2 + 4, laneY(lane) + 1);
  });

  for (const lane of lanes) {
    const [top, height] = [laneY(lane) + 2, laneHeight(lane) - 4];
    const maker = lanes.find(({ name }) => name === lane.maker);
    if (maker) {
      const siblings = lanes.filter(({ born, name }) => born === lane.born && name !== maker.name);
      const at = x[lane.born] + inset * 2.5 + siblings.indexOf(lane) * inset * 0.75;
      arrow(at, laneY(maker) + laneHeight(maker) - 2, top);
    }
    for (const { call, from, to } of lane.sleeps) {
      if (from === to) continue; // it hardly was
      const [left, right] = [lane.steps[from] ? blockEnd(from) : x[from] + inset * 2, x[to] ?? x.at(-1)!];
      bars.push(
        `<rect class="asleep" x="${r(left)}" y="${r(top)}" width="${r(right - left)}" height="${
          r(height)
        }"/>`,
      );
      words.push(fitted(`asleep in ${call}`, call, left, top, right - left, height));
    }
    steps.forEach((_, step) => {
      const lines = lane.steps[step];
      if (lines) {
        const left = x[step];
        const rows = labels(lines);
        blocks.push(
          `<g>${detail ? "" : tip(lines)}<rect class="awake" x="${r(left)}" y="${r(top)}" width="${
            r(blockEnd(step) - left)
          }" height="${r(height)}"/>`,
        );
        if (detail) {
          rows.forEach(({ text, lines }, row) =>
            blocks.push(
              `<g>${tip(lines)}<text x="${r(left + 4)}" y="${r(top + (row + 1) * LINE)}" class="call">${
                escape(text)
              }</text></g>`,
            )
          );
        }
        blocks.push("</g>");
      }
      const count = lane.spins[step];
      if (count) {
        const left = lines ? blockEnd(step) : x[step];
        const width = x[step + 1] - left;
        blocks.push(
          `<rect class="spin" x="${r(left)}" y="${r(top)}" width="${r(width)}" height="${r(height)}"/>`,
        );
        if (detail) {
          blocks.push(fitted(`EAGAIN × ${number(count)}`, `× ${number(count)}`, left, top, width, height));
        }
      }
    });
  }
  return [...names, ...bars, ...arrows, ...blocks, ...words].join("\n");
}

/** Text in a box: along it, or upright, or shorter; or none. */
function fitted(
  long: string,
  short: string,
  left: number,
  top: number,
  width: number,
  height: number,
): string {
  for (const text of [long, short]) {
    const length = text.length * CHAR + 6;
    const [x, y] = [left + width / 2, top + height / 2];
    if (length <= width && height >= 9) {
      return `<text x="${r(x)}" y="${r(y)}" dy="3" text-anchor="middle" class="tag">${escape(text)}</text>`;
    }
    if (length <= height && width >= 12) {
      return `<text transform="translate(${r(x)} ${
        r(y)
      }) rotate(-90)" dy="3" text-anchor="middle" class="tag">${escape(text)}</text>`;
    }
  }
  return "";
}

const r = (value: number) => Number(value.toFixed(1));

/** What the signs mean, in as many rows as they need. */
function legend(top: number, width: number): { height: number; content: string } {
  const box = (kind: string) => `<rect class="${kind}" x="0" y="-9" width="22" height="12"/>`;
  const signs: [sign: string, text: string, width: number][] = [
    [box("awake"), "awake: its system calls", 164],
    [box("asleep"), "asleep in one", 116],
    [box("spin"), "asking without end", 138],
    [box("waits"), "a client waits", 112],
    [`<path class="arrow" d="M0 -4h24"/>`, "wakes, makes, answers", 156],
    [`<circle class="mark" cx="16" cy="-4" r="3.5"/>`, "comes", 68],
    [`<path class="arrow" style="marker-end:none" d="M13 -7l6 6m0 -6l-6 6"/>`, "leaves", 66],
    ["", "steps by order, not to scale", 180],
  ];
  let [x, y] = [12, top];
  const parts = signs.map(([sign, text, room]) => {
    if (x + room > width) [x, y] = [12, y + 18];
    const part = `<g transform="translate(${x} ${y})">${sign}<text x="${
      sign ? 28 : 0
    }" class="small">${text}</text></g>`;
    x += room;
    return part;
  });
  return { height: y - top + 16, content: parts.join("\n") };
}

/** One lesson's story, with every call. */
export function picture(story: Story): string {
  const { steps, clients, lanes } = story;
  const x = [LABEL];
  steps.forEach((_, step) => {
    const longest = Math.max(
      8,
      ...lanes.flatMap((lane) => labels(lane.steps[step] ?? []).map(({ text }) => text.length)),
    );
    x.push(x.at(-1)! + longest * CHAR + 10 + SLEEP);
  });
  const heights = lanes.map((lane) =>
    Math.max(24, ...Array.from(lane.steps, (lines) => labels(lines ?? []).length * LINE + 10))
  );
  const lanesTop = HEAD + clients.length * CLIENT + 10;
  const tops = heights.map((_, i) =>
    lanesTop + heights.slice(0, i).reduce((sum, height) => sum + height, i > 0 ? GAP : 0)
  );
  const bottom = tops.at(-1)! + heights.at(-1)!;
  const clientY = (client: Client) => HEAD + clients.indexOf(client) * CLIENT;
  const axis = steps.flatMap(({ time, who, what }, i) => [
    `<path class="grid" d="M${r(x[i])} ${HEAD - 24}V${r(bottom + 6)}"/>`,
    `<text x="${r(x[i] + 4)}" y="${HEAD - 16}" class="small strong">${who}</text>`,
    `<text x="${r(x[i] + 4)}" y="${HEAD - 5}" class="small">${
      what.replace(/^connects and | for .*/g, "")
    }</text>`,
    `<text x="${r(x[i] + 4)}" y="${r(bottom + 18)}" class="small">${number(Math.round(time))}${
      i === 0 ? " ms" : ""
    }</text>`,
  ]);
  const layout: Layout = {
    x,
    clientY,
    laneY: (lane) => tops[lanes.indexOf(lane)],
    laneHeight: (lane) => heights[lanes.indexOf(lane)],
    clientHeight: CLIENT,
    sleep: SLEEP,
    detail: true,
  };
  const width = Math.max(r(x.at(-1)! + 12), 840);
  const signs = legend(bottom + 44, width);
  const content = [STYLE, ...axis, draw(story, layout), signs.content].join("\n");
  const height = bottom + 44 + signs.height;
  return page(width, height, `${story.lesson}: ${how(story)}`, sentence(outcome(story)), content);
}

const sentence = (text: string) => text[0].toUpperCase() + text.slice(1) + ".";

const PANEL = 420;
const SMALL = 14; // height of a lane
const COLUMN = 32;

/** All of them, small, so many in a row. */
export function overview(stories: readonly Story[], columns: number): string {
  let y = 58;
  const parts: string[] = [];
  for (let i = 0; i < stories.length; i += columns) {
    const row = stories.slice(i, i + columns);
    row.forEach((story, column) => {
      parts.push(`<g transform="translate(${column * PANEL} ${y})">${panel(story)}</g>`);
    });
    y += 70 + GAP + SMALL * Math.max(...row.map(({ clients, lanes }) => clients.length + lanes.length));
  }
  const signs = legend(y + 8, PANEL * columns);
  const lead = "Four silent clients come; client 5 asks; the silent ones leave.";
  const content = [STYLE, ...parts, signs.content].join("\n");
  return page(PANEL * columns, y + 8 + signs.height, "Six web servers, the same five clients", lead, content);
}

function panel(story: Story): string {
  const { steps, clients, lanes, lesson } = story;
  const left = 54;
  const waits = clients.some((client) => client.asks && !atOnce(client));
  const lanesTop = 40 + clients.length * SMALL + 4;
  const layout: Layout = {
    x: Array.from({ length: steps.length + 1 }, (_, i) => left + i * COLUMN),
    clientY: (client) => 40 + clients.indexOf(client) * SMALL,
    laneY: (lane) => lanesTop + lanes.indexOf(lane) * SMALL + (lane.maker ? GAP : 0),
    laneHeight: () => SMALL,
    clientHeight: SMALL,
    sleep: COLUMN * 0.6,
    detail: false,
  };
  return [
    `<text x="12" y="14"><tspan class="strong">${lesson}</tspan>: ${escape(how(story))}</text>`,
    `<text x="12" y="30" class="small ${waits ? "strong" : ""}">${escape(sentence(outcome(story)))}</text>`,
    draw(story, layout),
  ].join("\n");
}

/** Every picture, by its name. */
export function pictures(stories: readonly Story[]): Record<string, string> {
  return {
    ...Object.fromEntries(stories.map((story) => [story.lesson, picture(story)])),
    story: overview(stories, 2),
    "story-narrow": overview(stories, 1),
  };
}
