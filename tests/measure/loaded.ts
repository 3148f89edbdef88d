/** A server under load, and what that costs it. */
import type { LoadResult } from "../programs/load.ts";
import { heavyLoad } from "../support/clients.ts";
import { children, cpuSeconds, tree } from "../support/proc.ts";
import type { Server } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";

/** What the load found, requests a second, and the CPU time of the server and its children for each, µs. */
export interface Loaded extends LoadResult {
  rate: number;
  cpu: number;
}

/** Put load on a server for so many seconds, at most `count` requests. `exact`: see {@link heavyLoad}. */
export async function loaded(
  server: Server,
  clients: number,
  seconds: number,
  options?: { count?: number; exact?: boolean },
): Promise<Loaded> {
  const { pid } = server;
  const staying = children(pid).length;
  const cpu = () => tree(pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = cpu();
  const result = await heavyLoad(server, clients, seconds, options);
  if (result.requests === 0) throw new Error(`no request was answered, ${result.failed} failed`);
  // The CPU time of its children is the server's when it has reaped them.
  await waitFor("the end of the children", () => children(pid).length <= staying);
  return { ...result, rate: result.requests / result.seconds, cpu: (cpu() - before) / result.requests * 1e6 };
}

/** Let the compilers come first: as many requests as they want to see, but not for long. */
export async function warmUp(server: Server, clients: number, exact = true): Promise<void> {
  await loaded(server, clients, 0.6, { count: 5000, exact });
}
