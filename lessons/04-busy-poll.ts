/**
 * 04: busy polling.
 *
 * All waiting so far came from calls that block. A non-blocking socket answers
 * "nothing yet" (EAGAIN) instead, so one thread can ask every socket in
 * turn, over and over, and serve them all.
 *
 * Article: 《web 服务器的秘密(二)》, "非阻塞忙轮询"
 * Calls:   accept(2), recv(2), send(2), none of which waits
 * Costs:   a whole processor, all the time, while nothing happens (see it in `top`);
 *          and every turn asks all sockets, also those that never say a word
 * Differs: - The listing leaves the accepted sockets blocking: one silent
 *            client puts it to sleep in recv(2), and all others wait.
 *          - A connection that was reset is closed; the listing keeps it.
 *          - An answered client closes, and then we do, or a reset can
 *            destroy an answer on its way. It has a second for that.
 *          - A request may come in pieces; it ends with its empty line.
 *          - When no descriptor is free, accept waits a moment instead of spinning.
 * Run:     deno run -A lessons/04-busy-poll.ts     or     bun …     or     node …
 */
import { Lingering } from "../shared/linger.ts";
import { HttpRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";

const server = createServer(options("one thread that asks every socket in turn, without a pause"));
server.setblocking(false);

const conns = new Map<Socket, HttpRequest>(); // what each client has sent so far
const answered = new Lingering();

while (true) {
  const newcomer = server.accept(); // null: nobody is there (EAGAIN)
  if (newcomer !== null) {
    newcomer.setblocking(false);
    conns.set(newcomer, new HttpRequest());
  }

  for (const [conn, request] of conns) {
    const data = conn.recv(4096); // some bytes; none; null
    if (data === null) continue; // nothing is there yet (EAGAIN)
    if (data.length === 0) { // the client has closed, or (an error) reset the connection
      conns.delete(conn);
      conn.close();
    } else if (request.add(data)) { // its empty line has come
      conn.send(RESPONSE); // 58 bytes always fit into the buffer of a new connection
      answered.add(conn); // shutdown(2), "that was all": the client reads to the end, and closes
    }
  }
  answered.expire(); // whoever does not close within a second is cut off
}
