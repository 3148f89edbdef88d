/**
 * 04: busy polling.
 *
 * All waiting so far came from calls that block. A non-blocking socket answers
 * "nothing yet" (EAGAIN) instead, so one thread can ask every socket in
 * turn, over and over, and serve them all.
 *
 * Article: 《web 服务器的秘密(二)》, "非阻塞忙轮询"
 * Calls:   accept(2), recv(2), send(2), none of which ever waits
 * Costs:   a whole processor, all the time, while nothing happens (see it in `top`);
 *          and every turn asks all sockets, also those that never say a word
 * Differs: - An answered client closes first, and then we do: otherwise a reset
 *            can overtake the answer.
 *          - A request may come in pieces; it ends with its empty line.
 * Run:     deno run lessons/04-busy-poll.ts     or     bun lessons/04-busy-poll.ts
 */
import { Request } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import { SHUT_WR, type Socket } from "../shared/socket.ts";

const server = createServer(
  options(import.meta.url, "one thread that asks every socket in turn, without a pause"),
);
server.setblocking(false);

const conns = new Map<Socket, Request>(); // what each client has sent so far

while (true) {
  const conn = server.accept(); // null: nobody is there (EAGAIN)
  if (conn !== null) {
    conn.setblocking(false);
    conns.set(conn, new Request());
  }

  for (const [conn, request] of conns) {
    const data = conn.recv(4096); // null: nothing is there (EAGAIN)
    if (data === null) continue;
    if (data.length === 0) { // the client has closed
      conns.delete(conn);
      conn.close();
    } else if (request.add(data)) { // its empty line has come
      conn.send(RESPONSE); // 58 bytes always fit into the buffer of a new connection
      conn.shutdown(SHUT_WR); // "that was all": the client reads to the end, and closes
    }
  }
}
