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

type Connection = { conn: Socket; request: Request; response: typeof RESPONSE };
const connections = new Map<number, Connection>(); // by descriptor, which is what epoll reports

while (true) {
  const n = epoll.poll(); // sleeps until something happens; then n events are there to be read
  for (let i = 0; i < n; i++) {
    const fileno = epoll.fileno(i);
    const event = epoll.event(i); // bits: several things may have happened at once
    const connection = connections.get(fileno);

    if (connection === undefined) { // the listening socket
      const conn = server.accept(); // null: it was gone again
      if (conn === null) continue;
      conn.setblocking(false);
      epoll.register(conn.fileno(), EPOLLIN);
      connections.set(conn.fileno(), { conn, request: new Request(), response: RESPONSE });
      continue;
    }

    let closed = (event & (EPOLLHUP | EPOLLERR)) !== 0; // both sides have closed, or it was reset
    if (!closed && event & EPOLLIN) {
      const data = connection.conn.recv(4096);
      closed = data?.length === 0; // the client has closed
      if (data && connection.request.add(data)) epoll.modify(fileno, EPOLLOUT); // its empty line has come
    } else if (!closed && event & EPOLLOUT) {
      const sent = connection.conn.send(connection.response);
      if (sent < connection.response.length) { // the rest when there is room for it
        connection.response = connection.response.subarray(sent);
      } else {
        epoll.modify(fileno, EPOLLIN);
        connection.conn.shutdown(SHUT_WR); // "that was all": the client reads to the end, and closes
      }
    }
    if (closed) {
      epoll.unregister(fileno);
      connections.delete(fileno);
      connection.conn.close();
    }
  }
}
