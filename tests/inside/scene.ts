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
import { lang, named, WORDS } from "./words.ts";

const ROW = 17;
const TABLE = 96; // width of a descriptor table
const LEFT = TABLE + 62; // where the boxes begin that it leads to

export const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
/** To a tenth of a pixel. */
export const r = (value: number) => Number(value.toFixed(1));

/** A piece in a row: plain words, or, with a kind, what stands in a frame of that class ("none": in no frame). */
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

const term = (name: string) => WORDS.scene[name][lang];

/** Of each process its descriptor table; what has come into it since `before` is marked. */
const tables = (before: State, state: State) =>
  state.processes.map(({ name, fds, zombie }): Box => {
    const old = before.processes.find((process) => process.name === name)?.fds ?? {};
    const slots = Object.entries(fds).map(([fd, id]): Piece[] => [
      [fd, old[Number(fd)] === id ? "slot" : "slot changed"],
    ]);
    const rows = zombie ? [[[term("zombie"), "none"] as Piece]] : slots;
    return { id: name, kind: "table", title: named(name, state), aside: [], rows };
  });

/** fd_sets, epolls, and the sockets that a descriptor leads to. */
function held(state: State): Box[] {
  const none: Piece = [term("empty"), "none"];
  const or = (pieces: Piece[], otherwise: Piece) => pieces.length > 0 ? pieces : [otherwise];
  /** `wakes`: it has something, so who is woken was woken from here. */
  const waiting = (threads: Thread[], epolls: Epoll[], wakes: boolean): Piece[][] => {
    const chips = threads.map(({ name, woken }): Piece =>
      woken && wakes ? [`▸ ${named(name, state)}`, "woken"] : [`☾ ${named(name, state)}`, "asleep"]
    );
    const calls = epolls.map(({ ready }): Piece => ["→ epoll", wakes && ready.length > 0 ? "woken" : "chip"]);
    return chips.length + calls.length > 0 ? [[[term("waits")], ...chips, ...calls]] : [];
  };

  const sets = state.threads.flatMap(({ name, select }): Box[] => {
    if (!select) return [];
    const { asked, came = [] } = select;
    const bits = (set: readonly number[]) =>
      asked.map((fd): Piece => [`${fd}`, set.includes(fd) ? "bytes" : "unset"]);
    const answer = or(select.came ? bits(came) : [], ["…", "none"]);
    const rows: Piece[][] = [[[term("asked")], ...bits(asked)], [[term("came")], ...answer]];
    return [{ id: name, kind: "memory", title: "fd_set", aside: [[term("memory")]], rows }];
  });

  const epolls = state.epolls.map((epoll): Box => {
    const { id, interest, ready } = epoll;
    const told = ready.map((id): Piece => [`${interest.find(({ socket }) => socket === id)?.fd}`, "woken"]);
    const rows: Piece[][] = [
      [[term("interest")], ...interest.map(({ fd, events }): Piece => [`${fd} ${events.join("|")}`, "chip"])],
      [[term("ready")], ...or(told, none)],
      ...waiting(sleepersIn(state, epoll), [], ready.length > 0),
    ];
    return { id, kind: "epoll", title: "epoll", aside: [], rows };
  });

  const box = (socket: Socket): Box => {
    const { id, client, queue, unread, fin, ended, shut, nonblocking } = socket;
    const watching = state.epolls.filter(({ interest }) => interest.some(({ socket }) => socket === id));
    const rows = waiting(sleepersOn(state, socket), watching, readiness(socket).includes("IN"));
    const aside: Piece[] = nonblocking ? [[term("nonblocking")]] : [];
    if (client !== undefined) {
      if (shut) aside.push([term("shut")]);
      if (unread > 0) aside.push([`${unread} ${term("bytes")}`, "bytes"]);
      if (fin) aside.push(ended ? [term("read")] : [term("fin"), "end"]);
      if (!fin && unread === 0) aside.push([term("nothing")]);
      return { id, kind: "connection", title: named(client, state), aside, rows };
    }
    const queued = queue?.map((id): Piece => {
      const { client, unread } = state.sockets.find((socket) => socket.id === id)!;
      return [`${named(client!, state)}${unread ? ` · ${unread} B` : ""}`, unread ? "bytes" : "chip"];
    });
    if (queued) rows.unshift([[term("queue")], ...or(queued, none)]);
    return { id, kind: "listening", title: queue ? term("listening") : "socket", aside, rows };
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
    const natural = kind ? widthOf(text, 6.7) + (framed ? 9 : 0) : widthOf(text, 6.1); // a label is not in monospace
    const wide = kind?.startsWith("slot") ? width : natural;
    if (x + wide > width && x > 0) [x, y] = [first, y + ROW];
    if (framed) {
      svg += `<rect class="${kind}" x="${r(x)}" y="${y + 1.5}" width="${r(wide)}" height="14" rx="3"/>`;
    }
    svg += `<text class="${kind ?? "label dim"}" x="${r(x + (framed ? 4.5 : 0))}" y="${y + 12}">${
      escape(text)
    }</text>`;
    end = x + wide;
    x = end + (kind ? 5 : 8);
    if (!kind && first === 0) first = x;
  }
  return { svg, height: y + ROW, end };
}

/** Boxes below one another: where each begins, and how far down they go. */
function column(boxes: Box[], old: Box[], x: number, width: number) {
  const tops = new Map<Box["id"], number>();
  let [svg, bottom] = ["", 0];
  for (const box of boxes) {
    let [height, rows] = [20, ""];
    for (const row of box.rows) {
      const laid = layRow(row, width - 16);
      rows += `<g transform="translate(8 ${height})">${laid.svg}</g>`;
      height += laid.height;
    }
    if (rows) height += 4;
    const was = old.find(({ id, kind }) => id === box.id && kind === box.kind);
    const changed = JSON.stringify(was) === JSON.stringify(box) ? "" : " changed";
    const aside = layRow(box.aside, width - 16);
    svg += `<g transform="translate(${x} ${bottom})">
<rect class="${box.kind}${changed}" x=".5" y=".5" width="${width - 1}" height="${height}" rx="6"/>
<text class="head" x="8" y="15">${escape(box.title)}</text>
<g transform="translate(${r(width - 8 - aside.end)} 3)">${aside.svg}</g>${rows}</g>`;
    tops.set(box.id, bottom);
    bottom += height + 8;
  }
  return { svg, tops, bottom };
}

/** The scene: its SVG without the `<svg>` around it, and how high it is. What differs from `before` is marked. */
export function scene(before: State, state: State, width: number): { svg: string; height: number } {
  const left = column(tables(before, state), tables(before, before), 0, TABLE);
  const right = column(held(state), held(before), LEFT, width - LEFT);
  const arrows = state.processes.flatMap(({ name, fds, zombie }) =>
    Object.values(zombie ? {} : fds).map((id, i) => {
      const [x, y, to] = [TABLE - 14, left.tops.get(name)! + 28.5 + i * ROW, right.tops.get(id)! + 10];
      return `<circle cx="${x}" cy="${y}" r="2"/>
<path class="arrow" d="M${x} ${y}C${x + 46} ${y} ${LEFT - 41} ${to} ${LEFT - 1} ${to}"/>`;
    })
  );
  return { svg: left.svg + right.svg + arrows.join(""), height: Math.max(left.bottom, right.bottom, 40) };
}

/** The same in words, for who does not see it. */
export const describe = (state: State): string =>
  [...tables(state, state), ...held(state)].map(({ title, aside, rows }) => {
    const said = [aside, ...rows].map((row) => row.map(([text]) => text).join(" "));
    return `${title}: ${said.filter(Boolean).join(", ")}`;
  }).join(". ");

/** An SVG with such a name; its arrows' heads have the colours of the arrows. */
export const drawing = (name: string, width: number, height: number, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 ${width + 2} ${Math.ceil(height) + 2}" class="scene"
role="img" aria-label="${
    escape(name).replaceAll('"', "")
  }"><defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4"
markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path
style="fill:context-stroke;stroke:none" d="M0 1L8 4L0 7z"/></marker></defs>
${content}</svg>
`;
