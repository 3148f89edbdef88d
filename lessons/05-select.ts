import { Request } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { FD_SETSIZE, FdSet, select } from "../shared/select.ts";
import { createServer, options } from "../shared/server.ts";
import { SHUT_WR, type Socket } from "../shared/socket.ts";

const server = createServer(
  options(import.meta.url, "one thread sleeps in select(2), then looks at every socket"),
);
server.setblocking(false);

const conns = new Map<Socket, Request>();
const watched = new FdSet();
watched.add(server.fileno());

while (true) {
  const ready = select(watched);

  if (ready.has(server.fileno())) {
    const conn = server.accept();
    if (conn !== null && conn.fileno() >= FD_SETSIZE) {
      conn.close();
    } else if (conn !== null) {
      conn.setblocking(false);
      conns.set(conn, new Request());
      watched.add(conn.fileno());
    }
  }

  for (const [conn, request] of conns) {
    if (!ready.has(conn.fileno())) continue;
    const data = conn.recv(4096);
    if (data === null) continue;
    if (data.length === 0) {
      watched.delete(conn.fileno());
      conns.delete(conn);
      conn.close();
    } else if (request.add(data)) {
      conn.send(RESPONSE);
      conn.shutdown(SHUT_WR);
    }
  }
}
