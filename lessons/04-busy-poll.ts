import { Request } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import { SHUT_WR, type Socket } from "../shared/socket.ts";

const server = createServer(
  options(import.meta.url, "one thread asks every socket in turn, without a pause"),
);
server.setblocking(false);

const conns = new Map<Socket, Request>();

while (true) {
  const conn = server.accept();
  if (conn !== null) {
    conn.setblocking(false);
    conns.set(conn, new Request());
  }

  for (const [conn, request] of conns) {
    const data = conn.recv(4096);
    if (data === null) continue;
    if (data.length === 0) {
      conns.delete(conn);
      conn.close();
    } else if (request.add(data)) {
      conn.send(RESPONSE);
      conn.shutdown(SHUT_WR);
    }
  }
}
