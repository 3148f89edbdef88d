import { lingeringClose, recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, die, options } from "../shared/server.ts";
import { Socket } from "../shared/socket.ts";
import { isMainThread, Thread } from "../shared/thread.ts";

export function handler(fileno: number) {
  const server = new Socket(fileno);
  while (true) {
    const conn = server.accept();
    if (conn === null) continue;
    if (recvRequest(conn)) conn.send(RESPONSE);
    lingeringClose(conn);
  }
}

if (isMainThread) {
  const server = createServer(
    options(import.meta.url, "four threads, made once, that share the connections"),
  );

  const threads: Thread[] = [];
  for (let i = 0; i < 4; i++) {
    const thread = new Thread({ module: import.meta.url, target: handler, args: [server.fileno()] });
    await thread.start();
    threads.push(thread);
  }
  await Promise.race(threads.map((thread) => thread.join()));
  die("a thread of the pool has ended");
}
