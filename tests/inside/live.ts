/** A lesson of the reader's, run now: its page, served on 127.0.0.1, gets each step when it happens. */
import { tree } from "../support/proc.ts";
import { COMMANDS, ROOT, type Runtime } from "../support/runtimes.ts";
import { type Line, readLine } from "../support/trace_lines.ts";
import { build } from "./build.ts";
import { Watcher } from "./watch.ts";

/** How often the page is told, ms; and after how many lines it has enough. */
const PAUSE = 50;
const ENOUGH = 5000;

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

  const watcher = new Watcher();
  let ended: string | undefined;
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const tell = (from: number, to: Iterable<ReadableStreamDefaultController<Uint8Array>> = listeners) => {
    const news = JSON.stringify({ from, lines: watcher.lines.slice(from), ended });
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
  const collect = async (stream: ReadableStream<Uint8Array>, print: (line: string) => void) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop()!;
      fresh.push(...parts);
      for (const line of parts) {
        watcher.port ||= Number(/ listening on http:.*:(\d+)$/.exec(line)?.[1] ?? 0);
        if (readLine(line).length === 0) print(line);
      }
    }
  };
  const outputs = Promise.all([collect(lesson.stdout, console.log), collect(lesson.stderr, console.error)]);

  const printed = (text: string): Line => (
    { time: 0, who: "output", text, call: "output", note: "", place: "", waits: false }
  );
  let quiet = 0;
  const pass = () => {
    const { length } = watcher.lines;
    if (length >= ENOUGH) return;
    watcher.fresh = length;
    const batch = fresh.filter((line) => line.trim() !== "");
    fresh = [];
    watcher.take(batch.map((line) => readLine(line)[0] ?? printed(line)));
    quiet = batch.some((line) => readLine(line)[0]?.count === undefined) ? 0 : quiet + 1;
    if (quiet > 1 && watcher.settled && watcher.port > 0) watcher.look();
    if (watcher.lines.length >= ENOUGH) {
      watcher.take([printed("These steps are enough: start it again for more.")]);
    }
    if (watcher.lines.length > watcher.fresh) tell(watcher.fresh);
  };
  const timer = setInterval(pass, PAUSE);

  const end = (async () => {
    const { code, signal } = await lesson.status;
    await outputs;
    clearInterval(timer);
    pass();
    pass(); // what was held back, too
    ended = signal ?? `exit code ${code}`;
    tell(watcher.lines.length);
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
