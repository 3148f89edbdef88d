/**
 * The least that a thread of JavaScript can be: `empty-worker.ts COUNT`, under each runtime, makes COUNT Workers one
 * after another, which end at once, and prints the CPU time of one, µs.
 */
interface NodeWorkers {
  Worker: new (code: string, options: { eval: true }) => { on(event: "exit", listener: () => void): void };
}

/** One of them, to its end. Deno does not tell the end of a Worker, so it says so itself. */
const life: () => Promise<unknown> = (() => {
  if (typeof Worker === "undefined") {
    const { Worker } = process.getBuiltinModule("node:worker_threads") as unknown as NodeWorkers;
    return () => new Promise<void>((resolve) => new Worker("", { eval: true }).on("exit", resolve));
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
