/** What the kernel holds, drawn as SVG: descriptor tables, what they lead to, queues. For the page and for pictures. */
import { asleep, type Epoll, has, sleepers, type Socket, type State, type Thread } from "./model.ts";
import { lang, named, WORDS } from "./words.ts";

const ROW = 17;
const TABLE = 96; // width of a descriptor table
const GAP = 7; // between the pieces of a row
const LEFT = TABLE + 62; // where the boxes begin that it leads to

export const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
/** To a tenth of a pixel. */
export const r = (value: number) => Number(value.toFixed(1));
/** A frame of these classes. The first one names the colour that fills it (scene.css), if there is one. */
export const frame = (kind: string, x: number, y: number, width: number, height: number, round = 3) =>
  `<rect class="${kind}" style="--fill:var(--${kind.split(" ")[0]})" x="${r(x)}" y="${r(y)}" width="${
    r(width)
  }" ` +
  `height="${r(height)}" rx="${round}"/>`;
export const text = (x: number, y: number, words: string, kind = "") =>
  `<text class="${kind}" x="${r(x)}" y="${r(y)}">${escape(words)}</text>`;
export const move = (x: number, y: number, svg: string) =>
  `<g transform="translate(${r(x)} ${r(y)})">${svg}</g>\n`;

/** A thread, and whether it sleeps. */
export const signed = (state: State, thread: Thread, sleeps = asleep(thread)) =>
  `${sleeps ? "☾" : "▸"} ${named(thread.name, state)}`;

/** A piece in a row: plain words, or, with a kind, what stands in a {@link frame}. */
type Piece = readonly [text: string, kind?: string];

interface Box {
  /** The id of a socket or epoll; the name of a process or thread. */
  readonly id: number | string;
  readonly kind: string;
  readonly title: string;
  /** At the right of the title. */
  readonly aside: Piece[];
  readonly rows: Piece[][];
}

const term = (name: string): Piece => [WORDS.scene[name][lang]];
const or = (pieces: Piece[], otherwise: Piece) => pieces.length > 0 ? pieces : [otherwise];

/** Of each process its descriptor table. */
const tables = (state: State) =>
  state.processes.filter(({ ended }) => ended !== "reaped").map(({ name, fds, ended }): Box => {
    const slots = Object.entries(fds).map(([fd, { id }]): Piece[] => [[fd, `slot to-${id}`]]);
    const rows = ended ? [[term("zombie")]] : slots;
    const threads = state.threads.filter((thread) => thread.tid).length;
    const shared = name === "main" && threads > 0;
    const title = shared ? `${threads + 1} ${term("threads")[0]}` : named(name, state);
    return { id: name, kind: "table", title, aside: [], rows };
  });

/** fd_sets, epolls, and the sockets that a descriptor leads to. */
function held(state: State): Box[] {
  const waiting = (file: Socket | Epoll): Piece[][] => {
    const chips = sleepers(state, file).map((thread): Piece => {
      const wakes = has(file) && thread.does === "woken"; // who is woken from elsewhere is in this queue still
      return [signed(state, thread, !wakes), wakes ? "woken" : "asleep"];
    });
    const calls = state.epolls.filter(({ interest }) => interest.some(({ socket }) => socket === file))
      .map(({ ready }): Piece => ["→ epoll", ready.some(({ socket }) => socket === file) ? "woken" : "chip"]);
    return chips.length + calls.length > 0 ? [[term("waits"), ...chips, ...calls]] : [];
  };
  const sets = state.threads.flatMap(({ name, select }): Box[] => {
    if (!select) return [];
    const { asked, came } = select;
    const bits = (set: readonly number[]) =>
      asked.map((fd): Piece => [`${fd}`, set.includes(fd) ? "woken" : "chip"]);
    const rows = [[term("asked"), ...bits([])], [term("came"), ...came ? bits(came) : [["…"] as Piece]]];
    return [{ id: name, kind: "table", title: "fd_set", aside: [term("memory")], rows }];
  });
  const epolls = state.epolls.map((epoll): Box => {
    const entries = epoll.interest.map(({ fd, events }): Piece => [`${fd} ${events.join("|")}`, "chip"]);
    const ready = epoll.ready.map(({ fd }): Piece => [`${fd}`, "woken"]);
    const rows = [
      [term("interest"), ...entries],
      [term("ready"), ...or(ready, term("empty"))],
      ...waiting(epoll),
    ];
    return { id: epoll.id, kind: "epoll", title: "epoll", aside: [], rows };
  });
  const sockets = state.sockets.filter(({ descriptors }) => descriptors > 0).map((socket): Box => {
    const { id, client, queue, unread, sent, fin, ended, over, nonblocking } = socket;
    const aside = nonblocking ? [term("nonblocking")] : [];
    const rows = waiting(socket);
    if (client) {
      const out: Piece[] = [...sent > 0 ? [`${sent} B`] : [], ...over ? ["FIN"] : []].map((
        what,
      ) => [what, "chip"]);
      if (out.length > 0) rows.push([term("sent"), ...out]);
      if (unread > 0) aside.push([`${unread} ${term("bytes")[0]}`, "bytes"]);
      if (fin) aside.push(ended ? term("read") : [term("fin")[0], "chip"]);
      if (!fin && unread === 0) aside.push(term("nothing"));
      return { id, kind: "connection", title: named(client, state), aside, rows };
    }
    const clients = queue?.map((
      { client, unread },
    ): Piece => [`${named(client!, state)}${unread ? ` · ${unread} B` : ""}`, unread ? "bytes" : "chip"]);
    if (clients) rows.unshift([term("queue"), ...or(clients, term("empty"))]);
    return { id, kind: "listening", title: queue ? term("listening")[0] : "socket", aside, rows };
  });
  return [...sets, ...[...epolls, ...sockets].toSorted((a, b) => Number(a.id) - Number(b.id))];
}

/** As wide as it is drawn, about: words in system-ui, what is framed in monospace; Chinese and signs take all of 11 px. */
const widthOf = ([text, kind]: Piece) =>
  [...text].reduce((sum, sign) => sum + (sign > "\u2500" ? 11.2 : kind ? 6.7 : 6.3), kind ? 9 : 0);

/** What there is, and what has gone since, with what it was before. What has the same key is the same. */
export function compare<T>(
  now: T[],
  old: T[],
  key: (one: T) => string,
): { one: T; was?: T; gone: boolean }[] {
  const among = (list: T[], one: T) => list.find((other) => key(other) === key(one));
  return [
    ...now.map((one) => ({ one, was: among(old, one), gone: false })),
    ...old.filter((one) => !among(now, one)).map((one) => ({ one, was: one, gone: true })),
  ];
}
const group = (kind: string, svg: string) => kind ? `<g class="${kind}">${svg}</g>` : svg;
/** What a piece is about, however that fares. */
const about = ([text]: Piece) => text.replace(/^[☾▸] | · .*/g, "");

/** The pieces of a row, over as many lines as they need; those after the first word stand below one another. */
function layRow(row: Piece[], old: Piece[], width: number, label = 0) {
  let [svg, x, y, indent] = ["", 0, 0, 0];
  for (const { one: piece, was, gone } of compare(row, old, about)) {
    const [words, kind] = piece;
    if (gone && !kind) continue;
    const wide = kind?.startsWith("slot") ? width : widthOf(piece);
    if (x + wide > width && x > 0) [x, y] = [Math.max(Math.min(indent, width - wide), 0), y + ROW];
    const drawn = kind
      ? frame(kind, x, y + 1.5, wide, 14) + text(x + 4.5, y + 12, words, "code")
      : text(x, y + 12, words, "dim");
    svg += group(gone ? "gone" : `${was}` === `${piece}` ? "" : "changed", drawn);
    x = Math.max(x + wide + GAP, label);
    indent ||= kind ? 0 : x;
  }
  return { svg, height: y + ROW, end: x - GAP };
}

/** Boxes below one another: where each begins, and how far down they go. What differs from the old ones is marked. */
function column(boxes: Box[], old: Box[], x: number, width: number) {
  const tops = new Map<Box["id"], number>();
  let [svg, bottom] = ["", 0];
  for (const { one: box, was, gone } of compare(boxes, old, ({ id }) => `${id}`)) {
    const past = was ?? box;
    let [height, rows] = [20, ""];
    const put = (row: Piece[], old: Piece[], kind = "") => {
      const laid = layRow(row, old, width - 16, 64);
      rows += move(8, height, group(kind, laid.svg));
      height += laid.height;
    };
    const aside = layRow(box.aside, past.aside, width);
    const wraps = aside.end > 0 && widthOf([box.title]) * 1.1 + aside.end > width - 14;
    if (wraps) put(box.aside, past.aside);
    for (const { one: row, was, gone } of compare(box.rows, past.rows, ([first]) => about(first))) {
      put(row, was ?? [], gone ? "gone" : "");
    }
    if (rows) height += 4;
    const head = text(8, 15, box.title, "head") + (wraps ? "" : move(width - 8 - aside.end, 3, aside.svg));
    const drawn = frame(box.kind, 0.5, 0.5, width - 1, height, 6) + head + rows;
    svg += move(x, bottom, group(gone ? "gone" : was ? "" : "changed", drawn));
    tops.set(box.id, bottom);
    bottom += height + 8;
  }
  return { svg, tops, bottom };
}

/** The scene: its SVG without the `<svg>` around it, and how high it is. What differs from `before` is marked. */
export function scene(before: State, state: State, width: number): { svg: string; height: number } {
  const left = column(tables(state), tables(before), 0, TABLE);
  const right = column(held(state), held(before), LEFT, width - LEFT);
  const arrows = state.processes.flatMap(({ name, fds }) =>
    Object.values(fds).map(({ id }, i) => {
      const [x, y, to] = [TABLE - 8, left.tops.get(name)! + 28.5 + i * ROW, right.tops.get(id)! + 10];
      return `<path class="arrow" d="M${x} ${y}C${x + 40} ${y} ${LEFT - 41} ${to} ${LEFT - 1} ${to}"/>`;
    })
  );
  return { svg: left.svg + right.svg + arrows.join(""), height: Math.max(left.bottom, right.bottom, 40) };
}

/** An SVG; its arrows' heads have the colours of the arrows. What it says is in it as text, for who does not see it. */
export const drawing = (width: number, height: number, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 ${width + 2} ${
    Math.ceil(height) + 2
  }" class="scene">
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
markerUnits="userSpaceOnUse" orient="auto"><path style="fill:context-stroke;stroke:none" d="M0 1L8 4L0 7z"/></marker></defs>
${content}</svg>
`;
