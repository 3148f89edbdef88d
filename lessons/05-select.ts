/**
 * 05: select.
 *
 * One call watches many sockets, and sleeps until at least one has something.
 * So the processor rests while nothing happens.
 *
 * Article: 《web 服务器的秘密(二)》, "select", of which it has pseudo-code only
 * Calls:   select(2), then accept(2), recv(2), send(2) on those that are ready
 * Costs:   select takes a set with one bit for each socket, and leaves the bits of those
 *          that have something. Whose bits these are we see by looking at all n sockets: O(n).
 *          The kernel looks at all n, too. And the set has room for 1,024 descriptors.
 * Differs: - Request and close: see 04.
 * Run:     deno run -A lessons/05-select.ts     or     bun …     or     node …
 */
import { Lingering } from "../shared/linger.ts";
import { HttpRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { FD_SETSIZE, FdSet, select } from "../shared/select.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";
import { warn } from "../shared/stdio.ts";

const server = createServer(options("one thread that sleeps in select(2), then looks at every socket"));
server.setblocking(false);

const conns = new Map<Socket, HttpRequest>(); // what each client has sent so far
const answered = new Lingering();
const watched = new FdSet(); // one bit for each descriptor: "tell me about this one"
watched.add(server);

while (true) {
  // Sleeps until something has come, or an answered client's second is over. The kernel writes its answer over a copy of the set.
  const [ready] = select(watched, null, null, answered.expire());

  for (const [conn, request] of conns) { // all of them, though perhaps one has something
    if (!ready.has(conn)) continue;
    const data = conn.recv(4096);
    if (data === null) continue;
    if (data.length === 0) { // the client has closed
      watched.delete(conn);
      conns.delete(conn);
      conn.close();
    } else if (request.add(data)) { // its empty line has come
      conn.send(RESPONSE);
      answered.add(conn); // shutdown(2), "that was all": the client reads to the end, and closes
    }
  }
  if (ready.has(server)) { // at the end, when descriptors may have become free
    const newcomer = server.accept(); // null: nobody is there, after all
    if (newcomer !== null && newcomer.fileno() >= FD_SETSIZE) {
      warn(`descriptor ${newcomer.fileno()} does not fit into an fd_set: this client is refused`);
      newcomer.close();
    } else if (newcomer !== null) {
      newcomer.setblocking(false);
      watched.add(newcomer);
      conns.set(newcomer, new HttpRequest());
    }
  }
}
