/** A lesson of the reader's, run now: its page, served on 127.0.0.1, gets each step when it happens. */
import { probe, tree } from "../support/proc.ts";
import { COMMANDS } from "../support/runtimes.ts";
import { startServer } from "../support/servers.ts";
import { pause } from "../support/wait.ts";
import { build } from "./build.ts";
import { Watcher } from "./watch.ts";

/** How often the page may get something new, ms; and after how many lines it has enough. */
const PAUSE = 50;
const ENOUGH = 2000;

/** Run a lesson, with the arguments behind it, and serve its page until Ctrl-C. Throws if it does not start. */
export async function live([file, ...args]: readonly string[]): Promise<void> {
  const program = { file: file.replace(/^.*\//, ""), source: await Deno.readTextFile(file) };
  const lesson = await startServer(file, [...COMMANDS.deno, file, ...args, "--trace"]);
  const recorded = { id: "live", runtime: "deno", ...program, lines: [], rests: [] };
  const watcher = new Watcher(recorded, lesson, console.log);
  const { lines } = watcher;
  const story = { lines, ended: undefined as string | undefined };

  const page = await build([recorded], true);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`Look inside (Ctrl-C ends it): http://127.0.0.1:${port}/`),
  }, ({ url }) => {
    const { hostname, pathname } = new URL(url);
    // A page of another site must not read along, by a name of its own for this address.
    if (!/^(127\.0\.0\.1|localhost)$/.test(hostname)) return new Response("not here", { status: 404 });
    if (pathname === "/story") return Response.json(story);
    return new Response(new Blob([page], { type: "text/html" }));
  });

  const pass = () => {
    if (lines.length >= ENOUGH) return void (lesson.stdout.length = 0); // who spins would fill the memory
    watcher.pass();
    if (lines.length >= ENOUGH) watcher.tell("output", "These steps are enough: start it again for more.");
  };
  const timer = setInterval(pass, PAUSE);

  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  interrupted.then(() => {
    for (const process of tree(lesson.pid)) probe(() => Deno.kill(process, "SIGINT"), undefined);
    setTimeout(() => lesson[Symbol.asyncDispose](), 2000); // it may have a handler of its own
  });
  const { code, signal } = await lesson.status;
  await lesson[Symbol.asyncDispose](); // all that it has printed is there
  clearInterval(timer);
  pass();
  story.ended = signal ?? `exit code ${code}`;
  console.log(`the lesson has ended: ${story.ended}`);

  await interrupted;
  await pause(500); // a page that is open asks more often, and so learns of the end
  await server.shutdown();
}
