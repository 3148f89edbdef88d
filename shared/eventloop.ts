/** A turn for the runtime's event loop. (No connection is served by it.) */
import { runtime } from "./runtime.ts";

let next = 0;
let waiting = false;

/**
 * Give the event loop its turn, ten times a second at most: `await turn()`. Timers, I/O and signal handlers run only then,
 * since a call that blocks does not let them. So that a loop comes here, such a call needs a time limit:
 * `server.settimeout(0.1)`. Error: the last turn was not awaited.
 */
export function turn(): Promise<void> {
  if (waiting) throw new Error("turn: without `await` it does nothing");
  if (performance.now() < next) return Promise.resolve();
  waiting = true;
  return new Promise<void>((resolve) => runtime.nextTurn(resolve)).then(() => {
    waiting = false;
    next = performance.now() + 100;
  });
}
