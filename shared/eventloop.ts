/** The event loop of the runtime, which no lesson serves a connection with. */
import { runtime } from "./runtime.ts";

/** Seconds between two turns. */
const PATIENCE = 0.1;

let asked = false;
let next = 0;

/**
 * Give the event loop its turn, with an `await`: a blocking call never does. Timers, promises and signal handlers run,
 * ten times a second at most. From then on accept, select and epoll.poll come back as often, as if nobody
 * were there, so that the loop comes back here: a signal may come just before the server falls asleep.
 */
export async function turn(): Promise<void> {
  asked = true;
  if (performance.now() < next) return;
  await runtime.turn();
  next = performance.now() + PATIENCE * 1000;
}

/** How many seconds a call may sleep that has a limit of `timeout` (`null` or negative: none). */
export function patience(timeout: number | null): number | null {
  return asked && (timeout === null || timeout < 0 || timeout > PATIENCE) ? PATIENCE : timeout;
}
