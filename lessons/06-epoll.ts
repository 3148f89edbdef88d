/**
 * 06: epoll.
 *
 * The kernel keeps the list of watched sockets, and hands over the k that have something.
 * The others cost nothing, however many they are: O(k).
 *
 * Article: 《web 服务器的秘密(二)》, "Epoll"
 * Calls:   epoll_wait(2), epoll_ctl(2), then accept(2), recv(2), send(2)
 * Costs:   only the system's limit on descriptors bounds it (`ulimit -n`)
 * Differs: - A client that leaves before its empty line is dropped. In the
 *            listing it counts as readable for ever, and the loop spins.
 *          - It sleeps without a limit; the listing wakes once a second.
 *          - Request and close: see 04.
 * Run:     deno run lessons/06-epoll.ts     or     bun lessons/06-epoll.ts
 */
import { Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../shared/epoll.ts";
import { Request } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import { SHUT_WR, type Socket } from "../shared/socket.ts";

const server = createServer(
  options(import.meta.url, "one thread that sleeps in epoll_wait(2), which names the sockets"),
);
server.setblocking(false);

const epoll = new Epoll();
epoll.register(server.fileno(), EPOLLIN);

// By descriptor, which is what epoll reports: what has come, and what has yet to go.
const connections = new Map<number, { conn: Socket; request: Request; response: typeof RESPONSE }>();

while (true) {
  const n = epoll.poll(); // sleeps until something happens; then n events are there to be read
  for (let i = 0; i < n; i++) {
    const fileno = epoll.fileno(i);
    const event = epoll.event(i); // bits: several things may have happened at once
    const connection = connections.get(fileno);
    if (connection === undefined) { // the listening socket
      const conn = server.accept();
      if (conn === null) continue; // it was gone again
      conn.setblocking(false);
      epoll.register(conn.fileno(), EPOLLIN);
      connections.set(conn.fileno(), { conn, request: new Request(), response: RESPONSE });
      continue;
    }

    const { conn, request, response } = connection;
    let closed = (event & (EPOLLHUP | EPOLLERR)) !== 0; // both sides have closed, or it was reset
    if (!closed && event & EPOLLIN) {
      const data = conn.recv(4096);
      closed = data?.length === 0; // the client has closed
      if (data && request.add(data)) epoll.modify(fileno, EPOLLOUT); // its empty line has come
    } else if (!closed && event & EPOLLOUT) {
      connection.response = response.subarray(conn.send(response)); // what does not fit goes later
      if (connection.response.length === 0) {
        epoll.modify(fileno, EPOLLIN);
        conn.shutdown(SHUT_WR); // "that was all": the client reads to the end, and closes
      }
    }
    if (closed) {
      epoll.unregister(fileno);
      connections.delete(fileno);
      conn.close();
    }
  }
}
