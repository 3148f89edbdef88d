/** The event loop of the runtime, which no lesson serves a connection with. */
import { open } from "./libc.ts";
import { runtime } from "./runtime.ts";

const { siginterrupt } = open({ siginterrupt: { parameters: ["i32", "i32"], result: "i32" } });

const SIGHUP = 1;
const SIGINT = 2;
const SIGTERM = 15;

/**
 * Give the event loop its turn, with an `await`: a blocking call never does. Timers, promises and
 * signal handlers run. From then on SIGINT, SIGTERM and SIGHUP interrupt a call that blocks, so that the loop comes back
 * here; the runtimes' handlers would have it go on: siginterrupt(3), SA_RESTART in sigaction(2).
 */
export async function turn(): Promise<void> {
  for (const signal of [SIGHUP, SIGINT, SIGTERM]) siginterrupt(signal, 1);
  await runtime.turn();
}
