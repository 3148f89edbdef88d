/**
 * 02: one thread for each connection.
 *
 * A thread shares the memory and the descriptors of its process, so there is
 * nothing to copy. It, too, may sleep while its client is slow. All run in
 * parallel, without a lock like CPython's GIL; but nobody is accepted while one starts.
 *
 * Article: 《web 服务器的秘密(二)》, "我们换成多线程"
 * Calls:   accept(2) in the main thread; clone(2), recv(2), send(2) in the others
 * Costs:   a thread for every client, far cheaper than a process in C and Python. Here it is
 *          not: a thread of JavaScript has a VM and a heap of its own to set
 *          up. And threads run out: "can't start new thread".
 * Differs: - Threads share descriptors but no variables: each loads this file
 *            anew (`isMainThread`), and its `conn` is another Socket over the same descriptor.
 *          - The listing answers half a request as if it were whole; and when
 *            no thread can be made, its exception ends the server.
 *          - Request and close: see 01.
 * Run:     deno run -A lessons/02-thread.ts     or     bun …     or     node …
 */
import { lingeringClose } from "../shared/linger.ts";
import { recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";
import { isMainThread, Thread } from "../shared/thread.ts";

export function handler(conn: Socket) { // exported: the thread loads this file anew, and finds it by its name
  const request = recvRequest(conn); // recv(2): this thread sleeps until the client has sent it
  if (request) conn.send(RESPONSE); // null: the client has left before that
  lingeringClose(conn);
}

if (isMainThread) {
  const server = createServer(options("one thread for each connection"));

  while (true) {
    const conn = server.accept(); // accept(2): the main thread sleeps until a client comes
    if (conn === null) continue;
    // From now on the connection is the thread's: there is one descriptor for both, and the thread closes it.
    const thread = new Thread({ module: import.meta.url, target: handler, args: [conn] });
    const started = await thread.start();
    if (!started) conn.close(); // "can't start new thread": this client is refused, the server goes on
  }
}
