/** What the kernel holds, drawn as SVG: descriptor tables, what they lead to, queues. For the page and for pictures. */
import {
  type Epoll,
  readiness,
  sleepersIn,
  sleepersOn,
  type Socket,
  type State,
  type Thread,
} from "./model.ts";
import { type Language, named, title, WORDS } from "./words.ts";

export interface SceneOptions {
  readonly lang: Language;
  readonly width: number;
  /** Child processes, in the order in which they came: for their names. */
  readonly children: readonly string[];
}

const ROW = 17;
const TABLE = 96; // width of a descriptor table
const GAP = 62; // room for arrows

export const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A piece in a row: plain words, or, with a kind, what stands in a frame of that class ("none": in no frame). */
type Piece = readonly [text: string, kind?: string];

interface Box {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  /** At the right of the title. */
  readonly aside: Piece[];
  readonly rows: Piece[][];
}

/** The boxes on the right: fd_sets, epolls, sockets that a descriptor leads to. */
function boxes(state: State, { lang, children }: SceneOptions): Box[] {
  const word = (name: string) => WORDS.scene[name][lang];
  /** `wakes`: it has something, so who is woken was woken from here. */
  const waiting = (threads: Thread[], epolls: Epoll[], wakes: boolean): Piece[][] => {
    const chips = threads.map(({ name, woken }): Piece =>
      woken && wakes ? [`▸ ${title(name, children)}`, "woken"] : [`☾ ${title(name, children)}`, "asleep"]
    );
    const calls = epolls.map(({ ready }): Piece => ["→ epoll", wakes && ready.length > 0 ? "woken" : "chip"]);
    return chips.length + calls.length > 0 ? [[[word("waits")], ...chips, ...calls]] : [];
  };
  const none: Piece = [word("empty"), "none"];

  const sets = state.threads.flatMap(({ name, select }): Box[] => {
    if (!select) return [];
    const { asked, came } = select;
    const bits = (set: readonly number[]) =>
      asked.map((fd): Piece => [`${fd}`, set.includes(fd) ? "bytes" : "unset"]);
    const rows: Piece[][] = [
      [[word("asked")], ...bits(asked)],
      [[word("came")], ...came ? bits(came) : [["…", "none"] as Piece]],
    ];
    return [{ id: `set ${name}`, kind: "memory", title: "fd_set", aside: [[word("memory")]], rows }];
  });

  const epolls = state.epolls.map((epoll): Box => {
    const { id, interest, ready } = epoll;
    const told = ready.map((id): Piece => [`${interest.find(({ socket }) => socket === id)?.fd}`, "woken"]);
    const rows: Piece[][] = [
      [[word("interest")], ...interest.map(({ fd, events }): Piece => [`${fd} ${events.join("|")}`, "chip"])],
      [[word("ready")], ...told.length > 0 ? told : [none]],
      ...waiting(sleepersIn(state, epoll), [], ready.length > 0),
    ];
    return { id: `${id}`, kind: "epoll", title: "epoll", aside: [], rows };
  });

  const box = (socket: Socket): Box => {
    const { id, client, queue, unread, fin, ended, shut, nonblocking } = socket;
    const watching = state.epolls.filter(({ interest }) => interest.some(({ socket }) => socket === id));
    const rows = waiting(sleepersOn(state, socket), watching, readiness(socket).includes("IN"));
    const aside: Piece[] = nonblocking ? [[word("nonblocking")]] : [];
    if (client !== undefined) {
      if (shut) aside.push([word("shut")]);
      if (unread > 0) aside.push([`${unread} ${word("bytes")}`, "bytes"]);
      if (fin) aside.push(ended ? [word("read")] : [word("fin"), "end"]);
      if (!fin && unread === 0) aside.push([word("nothing")]);
      return { id: `${id}`, kind: "connection", title: named(client, lang), aside, rows };
    }
    const queued = queue?.map((id): Piece => {
      const { client, unread } = state.sockets.find((socket) => socket.id === id)!;
      return [`${named(client!, lang)}${unread ? ` · ${unread} B` : ""}`, unread ? "bytes" : "chip"];
    });
    if (queued) rows.unshift([[word("queue")], ...queued.length > 0 ? queued : [none]]);
    const name = queue ? word("listening") : "socket";
    return { id: `${id}`, kind: "listening", title: name, aside, rows };
  };
  const reached = new Set(state.processes.flatMap(({ fds }) => Object.values(fds)));
  return [...sets, ...epolls, ...state.sockets.filter(({ id }) => reached.has(id)).map(box)];
}

/** As wide as it is drawn, about; Chinese and signs take all of 11 px. */
const widthOf = (text: string, letter: number) =>
  [...text].reduce((sum, sign) => sum + (sign > "\u2500" ? 11.2 : letter), 0);

/** The pieces of a row, over as many lines as they need. */
function layRow(pieces: readonly Piece[], width: number): { svg: string; height: number; end: number } {
  let svg = "";
  let [x, y, end, first] = [0, 0, 0, 0];
  for (const [text, kind] of pieces) {
    const framed = kind !== undefined && kind !== "none";
    const wide = kind ? widthOf(text, 6.7) + (framed ? 9 : 0) : widthOf(text, 6.1); // a label is not in monospace
    if (x + wide > width && x > 0) [x, y] = [first, y + ROW];
    if (framed) {
      svg += `<rect class="${kind}" x="${r(x)}" y="${y + 1.5}" width="${r(wide)}" height="14" rx="3"/>`;
    }
    svg += `<text class="${kind ?? "label"}" x="${r(x + (framed ? 4.5 : 0))}" y="${y + 12}">${
      escape(text)
    }</text>`;
    end = x + wide;
    x = end + (kind ? 5 : 8);
    if (!kind && first === 0) first = x;
  }
  return { svg, height: y + ROW, end };
}
const r = (value: number) => Number(value.toFixed(1));

/** The scene: its SVG without the `<svg>` around it, and how high it is. What differs from `before` is marked. */
export function scene(before: State, state: State, options: SceneOptions): { svg: string; height: number } {
  const old = new Map(boxes(before, options).map((box) => [box.id, JSON.stringify(box)]));
  const left = TABLE + GAP;
  const inner = options.width - left - 16;
  const tops = new Map<string, number>();
  let svg = "";
  let bottom = 0;
  for (const box of boxes(state, options)) {
    let height = 20;
    let rows = "";
    for (const row of box.rows) {
      const laid = layRow(row, inner);
      rows += `<g transform="translate(8 ${height})">${laid.svg}</g>`;
      height += laid.height;
    }
    if (rows) height += 4;
    const changed = old.get(box.id) === JSON.stringify(box) ? "" : " changed";
    const aside = layRow(box.aside, inner);
    svg += `<g transform="translate(${left} ${bottom})">
<rect class="box ${box.kind}${changed}" x=".5" y=".5" width="${inner + 15}" height="${height}" rx="6"/>
<text class="head" x="8" y="15">${escape(box.title)}</text>
<g transform="translate(${r(inner + 8 - aside.end)} 3)">${aside.svg}</g>${rows}</g>`;
    tops.set(box.id, bottom + 10);
    bottom += height + 8;
  }
  let y = 0;
  for (const { name, fds, zombie } of state.processes) {
    const slots = Object.entries(fds);
    const was = before.processes.find((process) => process.name === name);
    const height = 22 + Math.max(slots.length, 1) * ROW;
    svg += `<rect class="box table${was ? "" : " changed"}" x=".5" y="${
      y + .5
    }" width="${TABLE}" height="${height}" rx="6"/>
<text class="head" x="8" y="${y + 15}">${title(name, options.children)}</text>`;
    if (zombie) svg += `<text class="none" x="8" y="${y + 32}">${WORDS.scene.zombie[options.lang]}</text>`;
    slots.forEach(([fd, id], i) => {
      const top = y + 20 + i * ROW;
      const kind = was?.fds[Number(fd)] === id ? "" : " changed";
      const [x, line, to] = [TABLE - 12, top + 8.5, tops.get(`${id}`)!];
      svg += `<rect class="slot${kind}" x="6.5" y="${top + 1.5}" width="${TABLE - 13}" height="14" rx="2"/>
<text x="12" y="${top + 12}">${fd}</text><circle class="dot" cx="${x}" cy="${line}" r="2"/>
<path class="ref${kind}" d="M${x} ${line}C${x + 46} ${line} ${left - 41} ${to} ${left - 1} ${to}"/>`;
    });
    y += height + 8;
  }
  return { svg, height: Math.max(bottom, y, 40) };
}

/** The same in words, for who does not see it. */
export function describe(state: State, options: SceneOptions): string {
  const tables = state.processes.map(({ name, fds }) =>
    `${title(name, options.children)}: ${Object.keys(fds).join(" ")}`
  );
  const held = boxes(state, options).map(({ title, aside, rows }) =>
    `${title}: ${
      [aside, ...rows].map((row) => row.map(([text]) => text).join(" ")).filter(Boolean).join(", ")
    }`
  );
  return [...tables, ...held].join(". ");
}

/** An arrow's head. */
export const SCENE_DEFS =
  `<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1L8 4L0 7z"/></marker></defs>`;
