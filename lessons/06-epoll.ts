/**
 * 06: epoll.
 *
 * The kernel keeps the list of watched sockets. When something comes for one of them, it puts that one on a
 * second list, the ready list. epoll_wait returns these k. The others cost nothing, however many: O(k).
 *
 * Article: 《web 服务器的秘密(二)》, "Epoll"
 * Calls:   epoll_wait(2), epoll_ctl(2), then accept(2), recv(2), send(2)
 * Costs:   one more call for each change of what is watched. How many it can be is bounded by
 *          the descriptors of the process (`ulimit -n`) and fs.epoll.max_user_watches.
 * Differs: - A client that leaves before its empty line is dropped. In the
 *            listing it counts as readable for ever, and the loop spins.
 *          - One reset client, or a request that is not UTF-8, ends the listing.
 *          - It sleeps until something happens; the listing wakes once a second.
 *          - The listing has another answer and port, and TCP_NODELAY; its
 *            shutdown(SHUT_RDWR) is what makes EPOLLHUP come.
 *          - Request and close: see 04.
 * Run:     deno run -A lessons/06-epoll.ts     or     bun …     or     node …
 */
import { Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../shared/epoll.ts";
import { Lingering } from "../shared/linger.ts";
import { HttpRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";

const server = createServer(options("one thread that sleeps in epoll_wait(2), which names the sockets"));
server.setblocking(false);

const epoll = new Epoll();
epoll.register(server.fileno(), EPOLLIN);

// By descriptor, which is what epoll reports: what has come, and what has yet to go.
const connections = new Map<number, { conn: Socket; request: HttpRequest; response: typeof RESPONSE }>();
const answered = new Lingering();

while (true) {
  // Sleeps until something happens, or the second of an answered client is over.
  for (const [fileno, event] of epoll.poll(answered.expire())) {
    if (fileno === server.fileno()) {
      const conn = server.accept();
      if (conn === null) continue; // nobody is there, after all
      conn.setblocking(false); // "ready" is a hint: by now it may be over, and recv must not sleep then
      epoll.register(conn.fileno(), EPOLLIN);
      connections.set(conn.fileno(), { conn, request: new HttpRequest(), response: RESPONSE });
      continue;
    }

    const connection = connections.get(fileno)!;
    const { conn, request, response } = connection;
    let closed = false;
    if (event & EPOLLIN) {
      const data = conn.recv(4096);
      closed = data?.length === 0; // the client has closed
      if (data && request.add(data)) epoll.modify(fileno, EPOLLOUT); // its empty line has come
    } else if (event & (EPOLLHUP | EPOLLERR)) { // reset while its answer waited for room (an ordinary end is IN | HUP)
      closed = true;
    } else if (event & EPOLLOUT) {
      connection.response = response.subarray(conn.send(response)); // what does not fit goes later
      if (connection.response.length === 0) {
        epoll.modify(fileno, EPOLLIN);
        answered.add(conn); // shutdown(2), "that was all": the client reads to the end, and closes
      }
    }
    if (closed) {
      epoll.unregister(fileno);
      connections.delete(fileno);
      conn.close();
    }
  }
}
