/** A turn for the runtime's event loop. (No connection is served by it.) */
import { runtime } from "./runtime.ts";

let next = 0;

/**
 * Give the event loop its turn: `await turn()`. Timers, promises and signal handlers run then, and only then, since
 * a call that blocks does not let them. It does so ten times a second at most, and otherwise returns at once. So that a
 * loop comes here, its calls need a time limit, such as `server.settimeout(0.1)`.
 */
export async function turn(): Promise<void> {
  if (performance.now() < next) return;
  await runtime.turn();
  next = performance.now() + 100;
}
