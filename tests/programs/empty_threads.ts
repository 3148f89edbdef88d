/**
 * 02 with the least that a thread of JavaScript can be: for each client it starts empty_worker.ts, waits for its end, and
 * answers by itself. So an empty Worker is measured as a thread of 02 is: by the same load, in a process whose main thread
 * sleeps in accept(2) in between. Started in a row, with nothing in between, they cost less, most of all in Bun.
 */
import { lingeringClose } from "../../shared/linger.ts";
import { recvRequest } from "../../shared/request.ts";
import { RESPONSE } from "../../shared/response.ts";
import { createServer, options } from "../../shared/server.ts";

const url = new URL("empty_worker.ts", import.meta.url);
// deno-lint-ignore no-explicit-any
const { Deno, Bun, process } = globalThis as any;
const { Worker: NodeWorker } = Deno || Bun ? {} : process.getBuiltinModule("node:worker_threads");
if (NodeWorker) { // as in 02: else Node.js would strip the types of the file in each Worker, which costs as much again
  process.env.NODE_COMPILE_CACHE = process.getBuiltinModule("node:module").enableCompileCache().directory;
}

const life = () =>
  new Promise<unknown>((ended) => {
    if (NodeWorker) new NodeWorker(url).on("exit", ended);
    else if (Bun) new Worker(url).addEventListener("close", ended);
    else new Worker(url, { type: "module" }).onmessage = ended; // empty_worker.ts says so
  });

const server = createServer(options("an empty Worker for each connection"));
while (true) {
  const conn = server.accept();
  if (conn === null) continue;
  await life();
  if (recvRequest(conn)) conn.send(RESPONSE);
  lingeringClose(conn);
}
