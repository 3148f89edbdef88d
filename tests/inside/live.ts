/** A lesson of the reader's, run now: its page, served on 127.0.0.1, gets each step when it happens. */
import { tree } from "../support/proc.ts";
import { COMMANDS, ROOT, type Runtime } from "../support/runtimes.ts";
import { type Line, readLine, writeLine } from "../support/trace.ts";
import { build } from "./build.ts";
import { advance, numbers, parts, socketAt, START, type State } from "./model.ts";
import { tcpEntries } from "./observe.ts";
import { fold } from "./record.ts";

/** Lines are passed on in batches, so that one can see what follows from what; ms. */
const BATCH = 50;
/** So many times in a row the same lines are one, and after so many lines the page has enough. */
const SPINS = 10;
const ENOUGH = 5000;

/** What the page is told. */
interface News {
  readonly lines: string[];
  readonly ended?: string;
}

/**
 * Clients are strangers here: what they did follows from what the server was told, and, while it sleeps, from what the
 * kernel holds.
 */
export class Watcher {
  state: State = START;
  port = 0;
  /** Our clock, less the server's, ms. */
  #offset = Infinity;

  /** The lines, with those of the clients between them. */
  take(lines: readonly Line[], now: number): Line[] {
    for (const { time } of lines) this.#offset = Math.min(this.#offset, now - time);
    return lines.flatMap((line, i) => {
      const before = this.#implied(line, lines.slice(i + 1));
      for (const each of [...before, line]) this.state = advance(this.state, each);
      return [...before, line];
    });
  }

  /** What clients have done and the server has not noticed yet. */
  look(now: number): Line[] {
    const time = now - this.#offset;
    return tcpEntries(this.port).filter(({ remote }) => remote > 0).flatMap(({ remote, rx, closed }) => {
      const found: Line[] = [];
      const client = () => this.state.clients.findLast(({ port, gone }) => port === remote && !gone);
      if (!client() && !closed) found.push(...this.#connects(remote, time));
      const known = client();
      const socket = this.state.sockets.find(({ id }) => id === known?.socket);
      if (!known || !socket || socket.fin) return found;
      const more = rx - (closed && rx > 0 ? 1 : 0) - socket.unread; // the end counts as one
      if (more > 0) found.push(...this.#does(known.name, `sends ${more} bytes`, "", time));
      if (closed) found.push(...this.#does(known.name, "closes", "", time));
      return found;
    });
  }

  #does(who: string, text: string, note: string, time: number): Line[] {
    const line = readLine(writeLine(time, who, text, note));
    this.state = line.reduce(advance, this.state);
    return line;
  }
  #connects = (port: number, time: number) =>
    this.#does(`client ${this.state.clients.length + 1}`, "connects", `127.0.0.1:${port}`, time);

  /** What must have happened before the server could be told this. `later` tells how much it was. */
  #implied(line: Line, later: readonly Line[]): Line[] {
    const { who, text, note, time } = line;
    const { args, result, error } = parts(text);
    const saved = this.state;
    const found: Line[] = [];
    const came = (fd: number, received?: Line) => {
      const socket = socketAt(this.state, who, fd);
      if (!socket || !received) return;
      if (received.call.startsWith("accept")) {
        const port = Number(received.note.split(":")[1]);
        const queued = socket.queue?.map((id) =>
          this.state.clients.find((client) => client.socket === id)?.port
        );
        if (!queued?.includes(port)) found.push(...this.#connects(port, time));
      } else {
        const got = parts(received.text);
        if (got.result > socket.unread) {
          found.push(
            ...this.#does(
              socket.client!,
              `sends ${got.result - socket.unread} bytes`,
              received.note.replace(/^waited [\d.]+ ms,? ?/, ""),
              time,
            ),
          );
        } else if ((got.result === 0 || got.error) && !socket.fin && !socket.ended) {
          found.push(...this.#does(socket.client!, "closes", "", time));
        }
      }
    };
    if (/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) came(Number(args[0]), line);
    else if (result > 0 && !error && /^(select|epoll_wait)\(/.test(text)) {
      const readable = line.call === "select"
        ? numbers(note)
        : [...note.matchAll(/\b(\d+) IN\b/g)].map(([, fd]) => Number(fd));
      for (const fd of readable) {
        came(fd, later.find(({ text }) => RegExp(`^(accept4|recv)\\(${fd}\\) = (\\d|-1 ECONN)`).test(text)));
      }
    }
    this.state = saved; // take() tells them all
    return found;
  }
}

/** Run a lesson, with the arguments behind it, and serve its page until Ctrl-C. The exit code. */
export async function live([file, ...args]: readonly string[], runtime: Runtime): Promise<number> {
  let source: string;
  try {
    source = await Deno.readTextFile(new URL(file, `file://${ROOT}`));
  } catch {
    console.error(`inside: there is no ${file}`);
    return 2;
  }
  const [program, ...options] = COMMANDS[runtime];
  const lesson = new Deno.Command(program, {
    args: [...options, file, ...args, "--trace"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const told: News[] = [];
  const listeners = new Set<(news: News) => void>();
  const tell = (news: News) => {
    told.push(news);
    for (const listener of listeners) listener(news);
  };
  const page = await build([{
    id: "live",
    runtime,
    file: file.replace(/^.*\//, ""),
    source,
    lines: [],
    rests: [],
  }], true);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`Look inside: http://127.0.0.1:${port}/   Stop: Ctrl-C`),
  }, (request) => {
    const url = new URL(request.url);
    // A page of another site must not read along, by a name of its own for this address.
    if (url.hostname !== "127.0.0.1" && url.hostname !== "localhost") {
      return new Response("not here", { status: 403 });
    }
    if (request.method !== "GET") return new Response("only to be read", { status: 405 });
    if (url.pathname === "/") {
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    if (url.pathname !== "/events") return new Response("not here", { status: 404 });
    let listener: (news: News) => void;
    const body = new ReadableStream({
      start(controller) {
        listener = (news) => {
          controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(news)}\n\n`));
          if (news.ended === undefined) return;
          listeners.delete(listener);
          controller.close();
        };
        listeners.add(listener);
        told.forEach(listener);
      },
      cancel: () => void listeners.delete(listener),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });

  const watcher = new Watcher();
  let fresh: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>, print: (line: string) => void) => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      fresh.push(...lines);
      for (const line of lines) {
        watcher.port ||= Number(/ listening on http:.*:(\d+)$/.exec(line)?.[1] ?? 0);
        if (readLine(line).length === 0) print(line);
      }
    }
    if (rest) fresh.push(rest);
  };
  const outputs = Promise.all([collect(lesson.stdout, console.log), collect(lesson.stderr, console.error)]);

  let [count, quiet, held] = [0, 0, ""];
  /** Counts replace each other until something else comes. */
  const isCount = (line: string) => readLine(line)[0]?.count !== undefined;
  const pass = () => {
    const now = performance.now();
    const batch = fresh;
    fresh = [];
    quiet = batch.every(isCount) ? quiet + 1 : 0;
    const read = fold(batch.flatMap(readLine).sort((a, b) => a.time - b.time), SPINS);
    const lines = [...batch.filter((line) => readLine(line).length === 0 && line.trim() !== "")];
    const happened = [...watcher.take(read, now), ...quiet > 1 && watcher.port > 0 ? watcher.look(now) : []];
    for (const line of happened) {
      const text = writeLine(line.time, line.who, line.text, line.note, line.place);
      if (line.count !== undefined) {
        if (held === "") lines.push(text);
        held = text;
      } else {
        if (held !== "" && held !== lines.at(-1)) lines.push(held);
        held = "";
        lines.push(text);
      }
    }
    if (lines.length === 0 || count >= ENOUGH) return;
    count += lines.length;
    if (count >= ENOUGH) lines.push(`these ${count} steps are enough for a page: start it again for more`);
    tell({ lines });
  };
  const timer = setInterval(pass, BATCH);

  const ended = (async () => {
    const { code, signal } = await lesson.status;
    await outputs;
    clearInterval(timer);
    pass();
    tell({ lines: [], ended: signal ?? `exit code ${code}` });
    console.log(`the lesson has ended: ${signal ?? `exit code ${code}`}`);
  })();

  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  for (const pid of tree(lesson.pid)) {
    try {
      Deno.kill(pid, "SIGINT");
    } catch {
      // it has ended
    }
  }
  const patience = setTimeout(() => lesson.kill("SIGKILL"), 2000); // it may have a handler of its own
  await ended;
  clearTimeout(patience);
  await server.shutdown(); // what was told arrives
  return 0;
}
