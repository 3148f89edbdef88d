/** Waiting for something to be so, instead of for a time. */

/** Wait until `probe` finds something, and return that. It fails after a minute, which no healthy server needs. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | null | Promise<T | undefined | false | null>,
): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const found = await probe();
    if (found) return found;
    await pause(5);
  }
  throw new Error(`no sign of ${what} within a minute`);
}

/** Let so many milliseconds go by: for what must not happen in them, or to see what they cost. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
