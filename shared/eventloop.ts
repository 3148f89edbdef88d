/** A turn for the runtime's event loop. (No connection is served by it.) */
import { runtime } from "./runtime.ts";

let [next, since, asked] = [0, 0, 0];
let waiting: Promise<void> | undefined;

/**
 * Give the event loop its turn, ten times a second at most: `await turn()`. Timers, I/O and signal handlers run only then,
 * since a call that blocks does not let them. So that a loop comes here, such a call needs a time limit:
 * `server.settimeout(0.1)`. Error: it is not awaited.
 */
export function turn(): Promise<void> {
  const now = performance.now();
  if (now < next) return Promise.resolve();
  if (!waiting) [since, asked] = [now, 0];
  // Some loops may wait for one turn. But who asks on and on does not wait.
  else if (++asked > 2 && now - since > 1000) throw new Error("turn: without `await` it does nothing");
  return waiting ??= new Promise<void>((resolve) => runtime.nextTurn(resolve)).then(() => {
    waiting = undefined;
    next = performance.now() + 100;
  });
}
