/** What the kernel holds, as a table: a row for each socket and epoll, a column for each table of descriptors. */
import { asleep, fileAt, has, queued, sleepers, type State } from "./model.ts";
import { lang, named, WORDS } from "./words.ts";

export const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A thread, and whether it sleeps. */
export const signed = (state: State, thread: State["threads"][number], sleeps = asleep(thread)) =>
  `${sleeps ? "☾" : "▸"} ${named(thread.name, state)}`;

/** Who is at a line of the lesson. A join makes no call, so the trace does not tell its line. */
export const threadsAt = ({ threads }: State, line: string) =>
  threads.filter(({ does, place }) => does !== "joins" && place.split(/[:,]/).includes(line));

/** What there is, and what has gone since: the same is what has the same key. What is new or otherwise is marked. */
export function compare<T>(now: T[], old: T[], key: (one: T) => string) {
  const among = (list: T[], one: T) => list.find((other) => key(other) === key(one));
  return [
    ...now.map((one) => ({ one, mark: `${one}` === `${among(old, one)}` ? "" : "changed" })),
    ...old.filter((one) => !among(now, one)).map((one) => ({ one, mark: "gone" })),
  ];
}

/** What stands in a cell: in the row of a socket or epoll, or in the head; plain words, or with classes of scene.css. */
type Entry = readonly [row: number, column: string, text: string, kind: string];

const HEAD = 0;
/** After the descriptor tables. */
const COLUMNS = ["name", "nonblocking", "interest", "asked", "came", "waits", "reads"];

/** All of a state. Whoever `woken` names is awake, though still in the wait queues. */
function entries(state: State, woken?: string): Entry[] {
  const { processes, threads, sockets, epolls } = state;
  const all: Entry[] = [];
  const put = (row: number, column: string, text: string, kind = "") => all.push([row, column, text, kind]);
  const term = (name: string) => WORDS.scene[name][lang];
  for (const { name, ended } of processes.filter(({ ended }) => ended !== "reaped")) {
    const sharing = threads.filter(({ tid }) => name === "main" && tid).length;
    put(HEAD, name, sharing ? `${sharing + 1} ${term("threads")}` : named(name, state), "owner");
    if (ended) put(HEAD, name, term("zombie"), "owner");
  }
  const held = sockets.filter((socket) => socket.descriptors > 0 || queued(socket));
  for (const file of [...held, ...epolls]) {
    const here = (column: string, text: string, kind?: string) => put(file.id, column, text, kind);
    for (const { name, fds } of processes) {
      for (const [fd, other] of Object.entries(fds)) if (other === file) here(name, fd, "frame slot");
    }
    for (const thread of sleepers(state, file)) {
      const awake = thread.does === "woken" || thread.name === woken;
      const kind = !awake ? "asleep" : has(file) ? "woken" : "awake"; // by this file, or by another
      here("waits", signed(state, thread, !awake), `frame ${kind}`);
    }
    if ("ready" in file) {
      here("name", "epoll", "epoll");
      here("reads", term(file.ready.length > 0 ? "ready" : "ready, empty"));
      for (const { fd } of file.ready) here("reads", `${fd}`, "frame woken");
      continue;
    }
    const { client, queue, nonblocking, unread, fin, ended } = file;
    for (const { interest, ready } of epolls) {
      for (const { events, fd } of interest.filter(({ socket }) => socket === file)) {
        here("interest", events.join("|"), "frame");
        here("waits", "→ epoll", ready.some((entry) => entry.fd === fd) ? "frame woken" : "frame");
      }
    }
    for (const { name, select } of threads) {
      for (const fd of select?.asked.filter((fd) => fileAt(state, name, fd) === file) ?? []) {
        here("asked", "1", "frame");
        const bit = select!.came?.includes(fd);
        here("came", bit === undefined ? "…" : `${Number(bit)}`, bit ? "frame woken" : "frame");
      }
    }
    if (nonblocking) here("nonblocking", "✓");
    if (!client) {
      here("name", term(queue ? "listening" : "socket"), "listening");
      if (queue) here("reads", term(queue.length > 0 ? "queue" : "queue, empty"));
      for (const { client } of queue ?? []) here("reads", named(client!, state), "frame bytes");
      continue;
    }
    here("name", named(client, state), "connection");
    if (queued(file)) here("name", term("queued"));
    if (unread > 0) here("reads", `${unread} B`, "frame bytes");
    if (fin) here("reads", term(ended ? "end, read" : "end"), ended ? "" : "frame bytes");
    if (unread === 0 && !fin) here("reads", term("nothing"));
  }
  return all;
}

/** The table, as HTML and XML; what differs from `before` is marked. */
export function scene(before: State, state: State): string {
  const old = entries(before, state.woken?.name);
  const all = compare(entries(state), old, ([row, column, text]) => `${row} ${column} ${text}`)
    .filter(({ one: [, , , kind], mark }) => kind || mark !== "gone");
  const owners = state.processes.map(({ name }) => name);
  const columns = [...owners, ...COLUMNS].filter((name) => all.some(({ one }) => one[1] === name));
  const cell = (row: number, column: string) => {
    const here = all.filter(({ one }) => one[0] === row && one[1] === column);
    const html = here.map(({ one: [, , text, kind], mark }) =>
      `<span class="${kind && `${kind} ${mark}`}">${escape(text)}</span>`
    ).join(" ");
    if (row === HEAD) return `<th scope="col">${html || WORDS.scene[column][lang]}</th>`;
    return column === "name" ? `<th scope="row">${html}</th>` : `<td>${html}</td>`;
  };
  const ids = [...new Set([HEAD, ...all.map(({ one: [row] }) => row)])].sort((a, b) => a - b);
  const [head, ...rows] = ids.map((row) => `<tr>${columns.map((column) => cell(row, column)).join("")}</tr>`);
  return `<table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table>`;
}
