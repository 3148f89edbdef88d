/** `deno task bench`: what the smallest parts cost in Deno. One process talks to itself over loopback. */
import { Epoll, EPOLLIN } from "../../shared/epoll.ts";
import { becomeForkable } from "../../shared/forkable.ts";
import { exit, fork, waitpid } from "../../shared/process.ts";
import { RESPONSE } from "../../shared/response.ts";
import { FdSet, select } from "../../shared/select.ts";
import { Socket } from "../../shared/socket.ts";

becomeForkable(); // so that fork can be measured, too; it changes nothing else here

const server = new Socket();
server.bind("127.0.0.1", 0);
server.listen(1024);
const [, port] = server.getsockname();
function connect(): [client: Socket, conn: Socket] {
  const client = new Socket();
  client.connect("127.0.0.1", port);
  return [client, server.accept()!];
}

const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
Deno.bench("one connection: connect, accept, recv, send, close", () => {
  const [client, conn] = connect();
  client.send(request);
  conn.recv(4096);
  conn.send(RESPONSE);
  conn.close();
  client.close();
});

const [talker, talking] = connect();
talker.send(request); // it has something for ever
const silent: Socket[] = [];
for (const n of [1, 100, 400]) {
  const watched = new FdSet();
  Deno.bench(`select over ${n} sockets, one of them ready`, () => {
    if (!watched.has(talking)) {
      while (silent.length < 400) silent.push(connect()[1]);
      for (const conn of silent.slice(0, n - 1)) watched.add(conn);
      watched.add(talking);
    }
    select(watched, null, null);
  });
}

const epoll = new Epoll();
epoll.register(talking, EPOLLIN);
Deno.bench("epoll_wait over 400 sockets, one of them ready", () => {
  for (const conn of silent.splice(0)) epoll.register(conn, EPOLLIN);
  epoll.poll();
});

Deno.bench("fork, a child that ends at once, waitpid", () => {
  const pid = fork();
  if (pid === 0) exit(0);
  waitpid(pid, 0);
});

const empty = URL.createObjectURL(new Blob(["postMessage(0); close();"], { type: "text/javascript" }));
Deno.bench("a thread that ends at once (an empty Worker)", async () => {
  const worker = new Worker(empty, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
});
