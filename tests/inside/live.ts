/** A lesson of the reader's, run now: its page, served on 127.0.0.1, gets each step when it happens. */
import { tree } from "../support/proc.ts";
import { COMMANDS, ROOT, type Runtime } from "../support/runtimes.ts";
import { tcpSockets } from "../support/sockets.ts";
import { type Line, readLine, writeLine } from "../support/trace.ts";
import { build } from "./build.ts";
import { advance, clientOf, numbers, parts, socketAt, START } from "./model.ts";
import { fold, sameCount } from "./record.ts";

/** Lines are passed on in batches, so that one can see what follows from what; ms. */
const BATCH = 50;
/** So many times in a row the same lines are one. */
const SPINS = 10;
/** A page has enough then. */
const ENOUGH = 5000;

/**
 * Clients are strangers here. What they did follows from what the server is told, and, while it sleeps, from what the
 * kernel holds.
 */
class Watcher {
  #state = START;
  #told: Line[] = [];
  /** Our clock, less the server's, ms. */
  #offset = Infinity;

  #tell(line: Line) {
    this.#state = advance(this.#state, line);
    this.#told.push(line);
  }
  #client = (who: string, text: string, note: string, time: number) =>
    readLine(writeLine(time, who, text, note)).forEach((line) => this.#tell(line));
  #connects = (port: number, time: number) =>
    this.#client(`client ${this.#state.clients.length + 1}`, "connects", `127.0.0.1:${port}`, time);

  /** The server's next lines, with those of the clients before them. */
  take(lines: readonly Line[]): Line[] {
    this.#told = [];
    lines.forEach((line, i) => {
      this.#offset = Math.min(this.#offset, performance.now() - line.time);
      const { text, note, call } = line;
      if (/^(accept4|recv)\(\d+\) = (\d|-1 ECONNRESET)/.test(text)) this.#before(line, line.time);
      const ready = call === "select"
        ? numbers(note)
        : call === "epoll_wait"
        ? [...note.matchAll(/\b(\d+) IN\b/g)].map(([, fd]) => Number(fd))
        : [];
      for (const fd of ready) { // what it was tells the call that follows
        const next = lines.slice(i + 1).find(({ text }) =>
          RegExp(`^(accept4|recv)\\(${fd}\\) = \\d`).test(text)
        );
        if (next) this.#before(next, line.time);
      }
      this.#tell(line);
    });
    return this.#told;
  }

  /** What a client must have done before accept or recv could bring this. */
  #before({ who, text, call, note }: Line, time: number) {
    const { args, result, error } = parts(text);
    const socket = socketAt(this.#state, who, Number(args[0]));
    const client = clientOf(this.#state, socket)?.name;
    if (call === "accept4") {
      const port = Number(note.split(":").at(-1));
      const queued = socket?.queue?.map((id) =>
        this.#state.clients.find((client) => client.socket === id)?.port
      );
      if (!queued?.includes(port)) this.#connects(port, time);
    } else if (socket && client && result > socket.unread) {
      const first = note.replace(/^waited [\d.]+ ms,? ?/, "");
      this.#client(client, `sends ${result - socket.unread} bytes`, first, time);
    } else if (client && (result === 0 || error) && !socket?.fin) this.#client(client, "closes", "", time);
  }

  /** What clients have done, and the server has not noticed yet. */
  look(port: number): Line[] {
    this.#told = [];
    const time = performance.now() - this.#offset;
    for (const { remote, received, closed } of tcpSockets(port).filter(({ remote }) => remote > 0)) {
      const find = () => this.#state.clients.findLast(({ port, gone }) => port === remote && !gone);
      if (!find() && !closed) this.#connects(remote, time);
      const client = find();
      const socket = this.#state.sockets.find(({ id }) => id === client?.socket);
      if (!client || !socket || socket.fin) continue;
      const more = received - Number(closed && received > 0) - socket.unread; // the end counts as one
      if (more > 0) this.#client(client.name, `sends ${more} bytes`, "", time);
      if (closed) this.#client(client.name, "closes", "", time);
    }
    return this.#told;
  }
}

/** Run a lesson, with the arguments behind it, and serve its page until Ctrl-C. Returns the exit code. */
export async function live([file, ...args]: readonly string[], runtime: Runtime): Promise<number> {
  const source = await Deno.readTextFile(new URL(file, `file://${ROOT}`)).catch(() => undefined);
  if (source === undefined) {
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

  /** All that the page is told; what counts may still be replaced. */
  const lines: string[] = [];
  let ended: string | undefined;
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const tell = (from: number, to: Iterable<ReadableStreamDefaultController<Uint8Array>> = listeners) => {
    const news = JSON.stringify({ from, lines: lines.slice(from), ended });
    for (const listener of to) {
      listener.enqueue(new TextEncoder().encode(`data: ${news}\n\n`));
      if (ended !== undefined) listener.close();
    }
  };
  const name = file.replace(/^.*\//, "");
  const page = await build([{ id: "live", runtime, file: name, source, lines: [], rests: [] }], true);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`Look inside: http://127.0.0.1:${port}/   Stop: Ctrl-C`),
  }, ({ method, url }) => {
    const { hostname, pathname } = new URL(url);
    // A page of another site must not read along, by a name of its own for this address.
    const ours = /^(127\.0\.0\.1|localhost)$/.test(hostname) && /^\/(events)?$/.test(pathname);
    if (!ours || method !== "GET") return new Response("not here", { status: ours ? 405 : 404 });
    if (pathname === "/") {
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    let listener: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        listener = controller;
        if (ended === undefined) listeners.add(listener);
        tell(0, [listener]);
      },
      cancel: () => void listeners.delete(listener),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });

  let fresh: string[] = [];
  let port = 0;
  const collect = async (stream: ReadableStream<Uint8Array>, print: (line: string) => void) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop()!;
      fresh.push(...parts);
      for (const line of parts) {
        port ||= Number(/ listening on http:.*:(\d+)$/.exec(line)?.[1] ?? 0);
        if (readLine(line).length === 0) print(line);
      }
    }
  };
  const outputs = Promise.all([collect(lesson.stdout, console.log), collect(lesson.stderr, console.error)]);

  const watcher = new Watcher();
  let quiet = 0;
  const pass = () => {
    const batch = fresh;
    fresh = [];
    const read = fold(batch.flatMap(readLine).sort((a, b) => a.time - b.time), SPINS);
    quiet = read.every(({ count }) => count !== undefined) ? quiet + 1 : 0;
    let from = lines.length;
    if (from >= ENOUGH) return;
    lines.push(...batch.filter((line) => readLine(line).length === 0 && line.trim() !== ""));
    for (const line of [...watcher.take(read), ...quiet > 1 && port > 0 ? watcher.look(port) : []]) {
      if (sameCount(line, readLine(lines.at(-1) ?? "")[0])) {
        lines.pop();
        from = Math.min(from, lines.length);
      }
      lines.push(writeLine(line.time, line.who, line.text, line.note, line.place));
    }
    if (lines.length >= ENOUGH) lines.push("These steps are enough for a page: start it again for more.");
    if (lines.length > from) tell(from);
  };
  const timer = setInterval(pass, BATCH);

  const end = (async () => {
    const { code, signal } = await lesson.status;
    await outputs;
    clearInterval(timer);
    pass();
    ended = signal ?? `exit code ${code}`;
    tell(lines.length);
    console.log(`the lesson has ended: ${ended}`);
  })();

  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  const kill = (signal: Deno.Signal) => {
    for (const pid of tree(lesson.pid)) {
      try {
        Deno.kill(pid, signal);
      } catch {
        // it has ended
      }
    }
  };
  kill("SIGINT");
  const patience = setTimeout(() => kill("SIGKILL"), 2000); // it may have a handler of its own
  await end;
  clearTimeout(patience);
  await server.shutdown(); // what was told arrives
  return 0;
}
