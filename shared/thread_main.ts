/** Where a thread begins: it loads the lesson's file, calls the target, and ends when that has. */
import { currentThread } from "./current_thread.ts";
import { runtime } from "./runtime.ts";
import type { ThreadData } from "./thread.ts";

const { thread, module, target, args } = await runtime.threadData() as ThreadData;
Object.assign(currentThread, thread); // before the others load
const [{ Socket }, { report }] = await Promise.all([import("./socket.ts"), import("./stderr.ts")]);

const values = args.map((arg) => "value" in arg ? arg.value : new Socket(arg.fileno, arg.addr));

/** Once, however it comes: print the error, if it is one, close the connections that the thread was given, and end. */
let over = false;
function end(error?: unknown): void {
  if (over) return;
  over = true;
  if (error !== undefined) {
    report(`thread ${thread.number}`, error);
    for (const value of values) if (value instanceof Socket && value.addr) value.close();
  }
  runtime.tellMaker("ended");
  runtime.endThread();
}
runtime.beforeEnd(end);

let run;
try {
  run = (await import(module))[target];
  if (typeof run !== "function") {
    const name = target || "handler";
    runtime.tellMaker({
      failed: `${module} exports no function ${JSON.stringify(target)}: ` +
        `the target has to be written \`export function ${name}(…)\``,
    });
  }
} catch (error) {
  runtime.tellMaker({ failed: error instanceof Error && error.stack || String(error) });
}
if (typeof run === "function") {
  runtime.tellMaker("started");
  try {
    await run(...values);
    await runtime.turn(); // a promise that it left behind may have been rejected
    end();
  } catch (error) {
    end(error ?? new Error("undefined was thrown"));
  }
} else {
  end();
}
