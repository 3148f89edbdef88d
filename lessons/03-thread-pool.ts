/**
 * 03: a pool of threads.
 *
 * Four threads are made once, and each takes one connection after another. All sleep in accept(2) on
 * the same socket; the kernel wakes one. (Tomcat has one thread that accepts, and a queue behind it.)
 *
 * Article: 《web 服务器的秘密(二)》, "线程池"
 * Calls:   accept(2), recv(2), send(2), in each of four threads
 * Costs:   four threads, however many clients there are. But when all four
 *          wait for slow clients, the fifth waits, too: connected, in the kernel's queue.
 * Differs: - Threads share descriptors but no variables: see 02.
 *          - A client that resets its connection ends its turn. In the
 *            listing it ends the thread: after four of them the process is gone.
 *          - Request and close: see 01. The close gives a client one second.
 * Run:     deno run -A lessons/03-thread-pool.ts     or     bun …     or     node …
 */
import { lingeringClose } from "../shared/linger.ts";
import { recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";
import { die } from "../shared/stdio.ts";
import { isMainThread, Thread } from "../shared/thread.ts";

export function handler(server: Socket) { // the one listening socket: descriptors belong to the process
  while (true) {
    const conn = server.accept(); // accept(2): sleeps until it is this thread's turn
    if (conn === null) continue; // nobody is there, after all
    const request = recvRequest(conn); // recv(2): sleeps until the client has sent it
    if (request) conn.send(RESPONSE); // null: the client has left before that
    lingeringClose(conn);
  }
}

if (isMainThread) {
  const server = createServer(options("four threads, made once, that share the connections"));

  const threads: Thread<[Socket]>[] = [];
  for (let i = 0; i < 4; i++) {
    const thread = new Thread({ module: import.meta.url, target: handler, args: [server] });
    if (!await thread.start()) die("can't start new thread, and a pool needs all of its own");
    threads.push(thread);
  }

  // Sleep until one ends. None does, unless its code fails: then say so, rather than go on with fewer.
  await Promise.race(threads.map((thread) => thread.join()));
  die("a thread of the pool has ended");
}
