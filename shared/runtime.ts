/** Which runtime this is. */
import { bun } from "./runtimes/bun.ts";
import { deno } from "./runtimes/deno.ts";
import type { Runtime } from "./runtimes/interface.ts";
import { node } from "./runtimes/node.ts";

/** The runtime that runs this. */
export const runtime: Runtime = "Deno" in globalThis ? deno() : "Bun" in globalThis ? bun() : node();
