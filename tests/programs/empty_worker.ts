/**
 * The least that a thread of JavaScript can be: `empty_worker.ts COUNT`, under each runtime, makes COUNT Workers one
 * after another, which end at once, and prints the CPU time of one, µs.
 */
/** One of them, to its end. Deno does not tell the end of a Worker, so it says so itself. */
const life: () => Promise<unknown> = (() => {
  if (typeof Worker === "undefined") {
    // deno-lint-ignore no-explicit-any
    const { Worker } = (process as any).getBuiltinModule("node:worker_threads");
    return () => new Promise((resolve) => new Worker("", { eval: true }).on("exit", resolve));
  }
  const [code, end] = "Bun" in globalThis ? ["", "close"] : ["postMessage(0); close();", "message"];
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  return () => new Promise((resolve) => new Worker(url, { type: "module" }).addEventListener(end, resolve));
})();

const count = Number(process.argv[2]);
for (let i = 0; i < 5; i++) await life(); // the first ones load and compile
const before = process.cpuUsage();
for (let i = 0; i < count; i++) await life();
const { user, system } = process.cpuUsage(before);
console.log((user + system) / count);
process.exit(0);
