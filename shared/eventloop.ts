/** The event loop of the runtime, which no lesson serves a connection with. */
import { interrupted, open } from "./libc.ts";
import { runtime } from "./runtime.ts";

const { siginterrupt } = open({ siginterrupt: { parameters: ["i32", "i32"], result: "i32" } });

const SIGHUP = 1;
const SIGINT = 2;
const SIGTERM = 15;
/** After a signal: how long its handler has to be called. A thread of the runtime may have to tell the loop of it. */
const HANDLER_MS = 100;

/**
 * Give the event loop its turn, with an `await`: a blocking call never does. Timers, promises and
 * signal handlers run. From then on SIGINT, SIGTERM and SIGHUP interrupt an accept, select or epoll_wait that sleeps in
 * the main thread, so that the loop comes back here; the runtimes' handlers would have it go on: siginterrupt(3),
 * SA_RESTART in sigaction(2). One that comes just before the call does not interrupt it.
 */
export async function turn(): Promise<void> {
  for (const signal of [SIGHUP, SIGINT, SIGTERM]) siginterrupt(signal, 1);
  const end = performance.now() + (interrupted.yes ? HANDLER_MS : 0);
  interrupted.yes = false;
  do await runtime.turn(); while (performance.now() < end);
}
