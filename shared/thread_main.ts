/** Where a thread begins: it loads the lesson's file, calls the target, and ends when that has. */
import { open } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { Socket } from "./socket.ts";
import { report, warn } from "./stderr.ts";
import { joinAll, type ThreadData } from "./thread.ts";

const { number, origin, tid, module, target, args } = await runtime.threadData() as ThreadData;
const trace = runtime.args.includes("--trace") ? await import("./trace.ts") : undefined;
if (trace) {
  Object.assign(trace.currentThread, { number, origin });
  tid[0] = open({ gettid: { parameters: [], result: "i32" } }).gettid();
}
const values = args.map((arg) => "value" in arg ? arg.value : new Socket(arg.socket));

/** Once, however it comes: print the error, if it is one, close the connections that the thread was given, and end. */
let over = false;
function end(error?: unknown): void {
  if (over) return;
  over = true;
  const open = values.filter((value) =>
    value instanceof Socket && value.addr && value.fileno() !== -1
  ) as Socket[];
  if (error !== undefined) {
    report(`thread ${number}`, error);
    for (const conn of open) conn.close();
  } else if (open.length > 0) {
    warn(`thread ${number} has ended, and with it its timers, but its connection is still open`);
  }
  trace?.endingThread();
  runtime.endThread();
}
runtime.beforeEnd(end);

/** The target, or why there is none. */
async function load(): Promise<((...args: unknown[]) => unknown) | { failed: string }> {
  try {
    const found = (await import(module))[target];
    if (typeof found === "function") return found;
    const name = target || "handler";
    return {
      failed: `${module} exports no function ${JSON.stringify(target)}: ` +
        `the target has to be written \`export function ${name}(…)\``,
    };
  } catch (error) {
    return { failed: error instanceof Error && error.stack || String(error) };
  }
}

const run = await load();
if (typeof run === "function") {
  runtime.tellMaker("started");
  try {
    await run(...values);
    await joinAll();
    await runtime.turn(); // a promise that it left behind may have been rejected
    end();
  } catch (error) {
    end(error ?? new Error("undefined was thrown"));
  }
} else {
  runtime.tellMaker(run);
  end();
}
