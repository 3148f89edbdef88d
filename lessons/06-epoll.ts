import { Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../shared/epoll.ts";
import { Request } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import { SHUT_WR, type Socket } from "../shared/socket.ts";

const server = createServer(
  options(import.meta.url, "one thread sleeps in epoll_wait(2), which names the sockets"),
);
server.setblocking(false);

const epoll = new Epoll();
epoll.register(server.fileno(), EPOLLIN);
const connections = new Map<number, Socket>();
const requests = new Map<number, Request>();
const responses = new Map<number, Uint8Array<ArrayBuffer>>();

function drop(fileno: number) {
  epoll.unregister(fileno);
  connections.get(fileno)!.close();
  connections.delete(fileno);
  requests.delete(fileno);
  responses.delete(fileno);
}

while (true) {
  const n = epoll.poll();
  for (let i = 0; i < n; i++) {
    const fileno = epoll.fileno(i);
    const event = epoll.event(i);
    if (fileno === server.fileno()) {
      const connection = server.accept();
      if (connection === null) continue;
      connection.setblocking(false);
      epoll.register(connection.fileno(), EPOLLIN);
      connections.set(connection.fileno(), connection);
      requests.set(connection.fileno(), new Request());
      responses.set(connection.fileno(), RESPONSE);
    } else if (event & (EPOLLHUP | EPOLLERR)) {
      drop(fileno);
    } else if (event & EPOLLIN) {
      const data = connections.get(fileno)!.recv(4096);
      if (data === null) continue;
      if (data.length === 0) drop(fileno);
      else if (requests.get(fileno)!.add(data)) epoll.modify(fileno, EPOLLOUT);
    } else if (event & EPOLLOUT) {
      const connection = connections.get(fileno)!;
      const response = responses.get(fileno)!;
      const rest = response.subarray(connection.send(response));
      responses.set(fileno, rest);
      if (rest.length === 0) {
        epoll.modify(fileno, EPOLLIN);
        connection.shutdown(SHUT_WR);
      }
    }
  }
}
