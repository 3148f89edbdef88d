/** Waiting for something to be so, instead of for a time. */
import { setTimeout as pause } from "node:timers/promises";

/** Let so many milliseconds go by: for what must not happen in them, or to see what they cost. */
export { pause };

/** No healthy server needs a minute, ms. */
export const MINUTE = 60_000;

/** Wait until `probe` finds something, and return that. After a minute it fails, and names what is missing. */
export async function until<T>(
  probe: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  what = String(probe),
): Promise<T> {
  for (const end = Date.now() + MINUTE; Date.now() < end;) {
    const found = await probe();
    if (found) return found;
    await pause(5);
  }
  throw new Error(`no sign of ${what} within a minute`);
}

/** What a promise comes to, if it does within a minute. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no sign of ${what} within a minute`)), MINUTE);
  return await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
