/**
 * The least that a thread of JavaScript can cost: `worker_cost.ts COUNT`, under each runtime, starts empty_worker.ts
 * COUNT times, each when the one before has ended, and prints the CPU time of one, µs. They are started and awaited as
 * Thread does it. A client of `02` costs more: a look for room, the vocabulary and the lesson to load, and accept,
 * recv, send and close.
 */
import { runtime } from "../../shared/runtime.ts";

const url = new URL("empty_worker.ts", import.meta.url).href;
const life = () =>
  new Promise<void>((resolve) => runtime.startThread(url, null, (event) => event === "ended" && resolve()));

const count = Number(process.argv[2]);
for (let i = 0; i < 5; i++) await life(); // the first ones load and compile
const before = process.cpuUsage();
for (let i = 0; i < count; i++) await life();
const { user, system } = process.cpuUsage(before);
console.log((user + system) / count);
process.exit(0);
