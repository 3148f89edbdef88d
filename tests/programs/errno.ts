/**
 * 300,000 calls in a row that fail with EAGAIN, while the garbage collector runs. Each must read
 * as "nothing there": any other errno would be an end of the stream, or throw.
 */
import { options } from "../../shared/options.ts";
import { createServer } from "../../shared/server.ts";

const server = createServer(options("reads errno 300,000 times"));
server.setblocking(false);
let garbage: unknown[] = [];
let right = 0;
for (let i = 0; i < 300_000; i++) {
  if (server.accept() === null) right++;
  garbage.push({ i, text: `${i}` });
  if (garbage.length > 10_000) garbage = [];
}
console.log(right);
// deno-lint-ignore no-process-global
process.exit(0);
