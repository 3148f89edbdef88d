/** What a thread runs first: it loads the lesson, and calls the function that the thread was made for. */
import { args, endWorker } from "./runtime.ts";

const [module, target, ...numbers] = args.filter((arg) => !arg.startsWith("--trace"));
try {
  (await import(module))[target](...numbers.map(Number));
} catch (error) {
  console.error(error);
}
postMessage("ended");
endWorker();
