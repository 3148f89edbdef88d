/** A lesson of the reader's, run now: its page, served on 127.0.0.1, gets each step when it happens. */
import { tree } from "../support/proc.ts";
import { COMMANDS, type Runtime } from "../support/runtimes.ts";
import { startServer } from "../support/servers.ts";
import { type Line, readLine } from "../support/trace_lines.ts";
import { build } from "./build.ts";
import { Watcher } from "./watch.ts";

/** How often the page is told, ms; and after how many lines it has enough. */
const PAUSE = 50;
const ENOUGH = 5000;

const printed = (text: string): Line => (
  { time: 0, who: "output", text, call: "output", note: "", place: "", waits: false }
);

/** Run a lesson, with the arguments behind it, and serve its page until Ctrl-C. Returns the exit code; throws if it does not start. */
export async function live([file, ...args]: readonly string[], runtime: Runtime): Promise<number> {
  const source = await Deno.readTextFile(file);
  const lesson = await startServer(file, [...COMMANDS[runtime], file, ...args, "--trace"]);
  const { pid, stdout, stderr } = lesson;
  const watcher = new Watcher();
  watcher.port = lesson.port;
  let ended: string | undefined;
  let news = Promise.withResolvers<void>();

  /** For one reader: all lines so far, and then each time from the first one on that is new to it. */
  async function* events() {
    let known: Line[] = [];
    while (true) {
      const [over, next] = [ended, news.promise];
      const differs = watcher.lines.findIndex((line, i) => line !== known[i]);
      const from = differs === -1 ? watcher.lines.length : differs;
      known = [...watcher.lines];
      yield `data: ${JSON.stringify({ from, lines: known.slice(from), ended: over })}\n\n`;
      if (over !== undefined) return;
      await next; // what has come since this was told counts
    }
  }
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };

  const name = file.replace(/^.*\//, "");
  const page = await build([{ id: "live", runtime, file: name, source, lines: [], rests: [] }], true);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`Look inside (Ctrl-C ends it): http://127.0.0.1:${port}/`),
  }, ({ method, url }) => {
    const { hostname, pathname } = new URL(url);
    // A page of another site must not read along, by a name of its own for this address.
    const ours = /^(127\.0\.0\.1|localhost)$/.test(hostname) && /^\/(events)?$/.test(pathname);
    if (!ours || method !== "GET") return new Response("not here", { status: ours ? 405 : 404 });
    const [type, body] = pathname === "/"
      ? ["text/html; charset=utf-8", page]
      : ["text/event-stream", ReadableStream.from(events()).pipeThrough(new TextEncoderStream())];
    return new Response(body, { headers: { "content-type": type } });
  });

  let quiet = 0;
  const pass = () => {
    if (watcher.lines.length >= ENOUGH) return;
    const last = watcher.lines.at(-1);
    const lines = [...stdout.splice(0), ...stderr.splice(0)].filter((line) => line.trim() !== "")
      .map((line) => readLine(line)[0] ?? printed(line));
    for (const { who, text } of lines) if (who === "output") console.log(text);
    watcher.take(lines);
    quiet = lines.some(({ count }) => count === undefined) ? 0 : quiet + 1;
    if (quiet > 1 && watcher.settled) watcher.look();
    if (watcher.lines.length >= ENOUGH) {
      watcher.add(printed("These steps are enough: start it again for more."));
    }
    if (watcher.lines.at(-1) !== last) tell();
  };
  const timer = setInterval(pass, PAUSE);

  const end = (async () => {
    const { code, signal } = await lesson.status;
    await lesson[Symbol.asyncDispose](); // all that it has printed is there
    clearInterval(timer);
    pass();
    pass(); // what was held back, too
    ended = signal ?? `exit code ${code}`;
    tell();
    console.log(`the lesson has ended: ${ended}`);
  })();

  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  for (const process of tree(pid)) {
    try {
      Deno.kill(process, "SIGINT");
    } catch {
      // it has ended
    }
  }
  const patience = setTimeout(() => lesson[Symbol.asyncDispose](), 2000); // it may have a handler of its own
  await end;
  clearTimeout(patience);
  await server.shutdown(); // what was told arrives
  return 0;
}
