/** What the kernel holds, drawn as SVG: descriptor tables, what they lead to, queues. For the page and for pictures. */
import { type Epoll, readiness, sleepersIn, sleepersOn, type State, type Thread } from "./model.ts";
import { type Text, title } from "./words.ts";

/** What the scene needs of the page around it. */
export interface SceneOptions {
  /** 0: English, 1: Chinese. */
  readonly lang: 0 | 1;
  readonly width: number;
  /** Who has come, in this order: for their names. */
  readonly order: readonly string[];
  /** No boxes for what has nothing to tell: as short as it can be. */
  readonly port?: string;
}

const ROW = 17;
const TABLE = 96;
const GAP = 62;

export const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
/** As wide as it is drawn, about: 11 px, of which Chinese takes all. */
const widthOf = (text: string, letter = 6.7) =>
  [...text].reduce((sum, c) => sum + (c > "\u2500" ? 11.2 : letter), 0);

/** A piece in a row: a label, or a chip in a frame. */
interface Piece {
  readonly text: string;
  /** The class of its frame: chip, asleep, woken, bytes, end. */
  readonly kind?: string;
}

/** Words of the scene. */
const W = {
  listening: ["listening socket", "监听套接字"],
  queue: ["accept queue", "全连接队列"],
  empty: ["empty", "空"],
  waits: ["wait queue", "等待队列"],
  nonblocking: ["non-blocking", "非阻塞"],
  nothing: ["nothing to read", "没有可读的"],
  bytes: ["bytes unread", "字节未读"],
  fin: ["end of the stream", "流的结束"],
  read: ["end, read already", "结束（已读到）"],
  shut: ["FIN sent", "已发 FIN"],
  interest: ["interest list", "关注列表"],
  ready: ["ready list", "就绪列表"],
  asked: ["asked", "提问"],
  came: ["came back", "回来"],
  memory: ["in the program's memory", "在程序内存里"],
  zombie: ["zombie", "僵尸进程"],
  threads: ["threads share it", "线程共用"],
  table: ["descriptors", "描述符表"],
} satisfies Record<string, Text>;

interface Box {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  /** At the right of the title. */
  readonly aside: Piece[];
  readonly rows: Piece[][];
}

/** The boxes on the right: fd_sets, epolls, sockets that a descriptor leads to, or that listen. */
function boxes(state: State, { lang, order }: SceneOptions): Box[] {
  /** `wakes`: it has something, so who is woken was woken from here. */
  const waiting = (threads: Thread[], epolls: Epoll[], wakes: boolean): Piece[][] => {
    const chips = threads.map(({ name, woken }): Piece => ({
      text: `${woken && wakes ? "▸" : "☾"} ${title(state, name, order)}`,
      kind: woken && wakes ? "woken" : "asleep",
    }));
    const calls = epolls.map(({ ready }) => ({
      text: "→ epoll",
      kind: wakes && ready.length > 0 ? "woken" : "chip",
    }));
    return chips.length + calls.length === 0 ? [] : [[{ text: W.waits[lang] }, ...chips, ...calls]];
  };

  const sets = state.threads.filter(({ select }) => select).map((thread): Box => {
    const { asked, came } = thread.select!;
    const bits = (set: readonly number[]) =>
      asked.map((fd) => ({ text: `${fd}`, kind: set.includes(fd) ? "set" : "unset" }));
    return {
      id: `set ${thread.name}`,
      kind: "memory",
      title: "fd_set",
      aside: [{ text: W.memory[lang] }],
      rows: [[{ text: W.asked[lang] }, ...bits(asked)], [
        { text: W.came[lang] },
        ...(came ? bits(came) : [{ text: "…", kind: "none" }]),
      ]],
    };
  });
  const epolls = state.epolls.map((epoll): Box => ({
    id: `${epoll.id}`,
    kind: "epoll",
    title: "epoll",
    aside: [],
    rows: [
      [
        { text: W.interest[lang] },
        ...epoll.interest.map(({ fd, events }) => ({ text: `${fd} ${events.join("|")}`, kind: "chip" })),
      ],
      [
        { text: W.ready[lang] },
        ...epoll.ready.length === 0 ? [{ text: W.empty[lang], kind: "none" }] : epoll.ready.map((id) => ({
          text: `${epoll.interest.find(({ socket }) => socket === id)?.fd}`,
          kind: "woken",
        })),
      ],
      ...waiting(sleepersIn(state, epoll), [], epoll.ready.length > 0),
    ],
  }));
  const reached = new Set(state.processes.flatMap(({ fds }) => Object.values(fds)));
  const sockets = state.sockets.filter(({ id }) => reached.has(id)).map((socket): Box => {
    const watching = state.epolls.filter(({ interest }) =>
      interest.some((entry) => entry.socket === socket.id)
    );
    const rows = waiting(sleepersOn(state, socket), watching, readiness(socket).includes("IN"));
    const aside = socket.nonblocking ? [{ text: W.nonblocking[lang] }] : [];
    if (socket.backlog !== undefined || !socket.client) {
      const queue = socket.queue.map((id): Piece => {
        const { client, unread } = state.sockets.find((socket) => socket.id === id)!;
        return {
          text: `${name(client!, lang)}${unread ? ` · ${unread} B` : ""}`,
          kind: unread ? "bytes" : "chip",
        };
      });
      const listens = socket.backlog !== undefined;
      return {
        id: `${socket.id}`,
        kind: "listening",
        title: listens ? W.listening[lang] : "socket",
        aside,
        rows: listens
          ? [
            [{ text: W.queue[lang] }, ...queue.length > 0 ? queue : [{ text: W.empty[lang], kind: "none" }]],
            ...rows,
          ]
          : [],
      };
    }
    const holds: Piece[] = [
      ...socket.unread > 0 ? [{ text: `${socket.unread} ${W.bytes[lang]}`, kind: "bytes" }] : [],
      ...socket.fin ? [socket.ended ? { text: W.read[lang] } : { text: W.fin[lang], kind: "end" }] : [],
    ];
    if (holds.length === 0) holds.push({ text: W.nothing[lang] });
    const shut = socket.shut ? [{ text: W.shut[lang] }] : [];
    const all = [...aside, ...shut, ...holds];
    return { id: `${socket.id}`, kind: "connection", title: name(socket.client, lang), aside: all, rows };
  });
  return [...sets, ...epolls, ...sockets];
}

const name = (client: string, lang: 0 | 1) => lang ? client.replace("client", "客户端") : client;

/** The pieces of a row, over as many lines as they need. */
function layRow(pieces: readonly Piece[], width: number): { svg: string; height: number; end: number } {
  const parts: string[] = [];
  const label = (text: string) => widthOf(text, 6.1) + 8; // it is not in monospace
  const first = pieces[0] && !pieces[0].kind ? label(pieces[0].text) : 0;
  let [x, y] = [0, 0];
  for (const { text, kind } of pieces) {
    const w = kind ? widthOf(text) + (kind !== "none" ? 9 : 0) : label(text) - 5;
    if (x + w > width && x > 0) [x, y] = [first, y + ROW];
    if (kind && kind !== "none") {
      parts.push(
        `<rect class="${kind}" x="${x}" y="${y + 1.5}" width="${w.toFixed(1)}" height="14" rx="3"/>`,
      );
    }
    parts.push(
      `<text class="${kind ? `t-${kind}` : "label"}" x="${x + (kind && kind !== "none" ? 4.5 : 0)}" y="${
        y + 12
      }">${escape(text)}</text>`,
    );
    x += w + 5;
  }
  return { svg: parts.join(""), height: y + ROW, end: x - (pieces.at(-1)?.kind ? 5 : 13) };
}

/** The scene: its SVG without the `<svg>` around it, and how high it is. What differs from `before` is marked. */
export function scene(before: State, state: State, options: SceneOptions): { svg: string; height: number } {
  const { lang, width, order } = options;
  const old = new Map(boxes(before, options).map((box) => [box.id, box]));
  const parts: string[] = [];
  const [left, inner] = [TABLE + GAP, width - TABLE - GAP - 16];
  const at = new Map<string, number>();
  let y = 0;
  for (const box of boxes(state, options)) {
    const rows = box.rows.map((row) => layRow(row, inner));
    const height = 20 + rows.reduce((sum, row) => sum + row.height, 0) + (rows.length ? 4 : 0);
    const changed = JSON.stringify(old.get(box.id)) !== JSON.stringify(box);
    let top = 20;
    const content = rows.map(({ svg, height }) =>
      `<g transform="translate(8 ${(top += height) - height})">${svg}</g>`
    ).join("");
    const aside = layRow(box.aside, inner);
    parts.push(
      `<g transform="translate(${left} ${y})"><rect class="box ${box.kind}${
        changed ? " changed" : ""
      }" x=".5" y=".5" width="${inner + 15}" height="${height}" rx="6"/><text class="head" x="8" y="15">${
        escape(box.title)
      }</text>`,
      `<g transform="translate(${(inner + 8 - aside.end).toFixed(1)} 3)">${aside.svg}</g>${content}</g>`,
    );
    at.set(box.id, y + 10);
    y += height + 8;
  }
  const right = y;
  y = 0;
  for (const process of state.processes) {
    const fds = Object.entries(process.fds);
    const height = 20 + Math.max(fds.length, 1) * ROW + 2;
    const was = before.processes.find(({ name }) => name === process.name);
    const head = title(state, process.name, order);
    parts.push(
      `<g transform="translate(0 ${y})"><rect class="box table${
        was ? "" : " changed"
      }" x=".5" y=".5" width="${TABLE - 1}" height="${height}" rx="6"/>` +
        `<text class="head" x="8" y="15">${escape(head)}</text></g>`,
    );
    if (process.zombie) parts.push(`<text class="t-none" x="8" y="${y + 32}">${W.zombie[lang]}</text>`);
    fds.forEach(([fd, id], i) => {
      const line = y + 20 + i * ROW;
      const fresh = was?.fds[Number(fd)] !== id;
      parts.push(
        `<rect class="slot${fresh ? " changed" : ""}" x="6.5" y="${line + 1.5}" width="${
          TABLE - 13
        }" height="14" rx="2"/>` +
          `<text class="mono" x="12" y="${line + 12}">${fd}</text>`,
      );
      const to = at.get(`${id}`);
      if (to === undefined) return;
      const [x1, y1, x2] = [TABLE - 12, line + 8.5, left - 1];
      parts.push(
        `<circle class="dot" cx="${x1}" cy="${y1}" r="2"/><path class="ref${
          fresh ? " fresh" : ""
        }" d="M${x1} ${y1}C${x1 + 46} ${y1} ${x2 - 40} ${to} ${x2} ${to}"/>`,
      );
    });
    y += height + 8;
  }
  return { svg: parts.join("\n"), height: Math.max(right, y, 40) };
}

/** The same in words, for who does not see it. */
export function describe(state: State, options: SceneOptions): string {
  const tables = state.processes.map(({ name, fds, zombie }) =>
    `${title(state, name, options.order)}: ${zombie ? W.zombie[options.lang] : Object.keys(fds).join(", ")}`
  );
  const things = boxes(state, options).map(({ title, rows }) =>
    `${title}: ${rows.map((row) => row.map(({ text }) => text).join(" ")).join("; ")}`
  );
  return [...tables, ...things].join(". ");
}

export const SCENE_STYLE = `
.box { fill: var(--paper); stroke: var(--line) } .box.listening { fill: var(--listen) } .box.epoll { fill: var(--epoll) } .box.memory { fill: none; stroke-dasharray: 3 3 }
.box.table { fill: var(--soft) } .slot { fill: var(--paper); stroke: var(--line) } .changed { stroke: var(--accent); stroke-width: 2 }
.scene text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: var(--ink) } .scene text.head { font: 600 12px system-ui, sans-serif }
.scene text.label { font: 11px system-ui, sans-serif; fill: var(--dim) } .scene text.t-none { fill: var(--dim) }
.chip, .set, .unset { fill: var(--paper); stroke: var(--line) } .set { fill: var(--bytes); stroke: var(--bytes-line) } .scene text.t-unset { fill: var(--faint) }
.asleep { fill: var(--paper); stroke: var(--dim); stroke-dasharray: 3 2 } .woken { fill: var(--awake); stroke: var(--awake-line) }
.bytes { fill: var(--bytes); stroke: var(--bytes-line) } .end { fill: var(--soft); stroke: var(--ink) }
.ref { fill: none; stroke: var(--ref); stroke-width: 1.3; marker-end: url(#to) } .ref.fresh { stroke: var(--accent); stroke-width: 2 } .dot { fill: var(--ref) } #to path { fill: var(--ref) }
`;
export const SCENE_DEFS =
  `<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1L8 4L0 7z"/></marker></defs>`;
export const COLORS = {
  light:
    "--paper:#fff;--soft:#f6f8fa;--ink:#1f2328;--dim:#59636e;--faint:#a5aeb8;--line:#c5cdd6;--accent:#cf222e;--ref:#0969da;--listen:#eef6ff;--epoll:#f3eeff;--awake:#ffd08a;--awake-line:#9a5b00;--bytes:#d3f2da;--bytes-line:#1a7f37",
  dark:
    "--paper:#0d1117;--soft:#161b22;--ink:#e6edf3;--dim:#9198a1;--faint:#545d68;--line:#3d444d;--accent:#ff7b72;--ref:#58a6ff;--listen:#0c2137;--epoll:#1e1836;--awake:#6b4300;--awake-line:#ffb757;--bytes:#0f3d20;--bytes-line:#3fb950",
};
