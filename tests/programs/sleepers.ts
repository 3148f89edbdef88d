/**
 * A case whose switches are known: `sleepers.ts`, under Deno, prints by how many voluntary ones a process has more
 * whose four threads sleep a hundred times each, and end, than one whose threads end at once.
 */
import { switchesOfLife } from "../measure/switches.ts";

if ("WorkerGlobalScope" in globalThis) {
  const { name } = globalThis as unknown as { name: string };
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < Number(name); i++) Atomics.wait(word, 0, 0, 1);
  postMessage("slept");
  close();
} else if (Deno.args.length > 0) {
  const workers = [1, 2, 3, 4].map(() => new Worker(import.meta.url, { type: "module", name: Deno.args[0] }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.onmessage = resolve)));
} else {
  const life = (sleeps: number) => {
    const args = ["run", "-A", import.meta.filename!, `${sleeps}`];
    return switchesOfLife(() => new Deno.Command(Deno.execPath(), { args }).spawn().status);
  };
  console.log((await life(100)).voluntary - (await life(0)).voluntary);
}
