import { lingeringClose, recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { becomeForkable, exit, fork, waitpid, WNOHANG } from "../shared/process.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";

function handler(conn: Socket) {
  if (recvRequest(conn)) conn.send(RESPONSE);
  lingeringClose(conn);
}

const address = options(import.meta.url, "one process for each connection, made by fork(2)");
becomeForkable();
const server = createServer(address);

while (true) {
  const conn = server.accept();
  if (conn === null) continue;

  const pid = fork();
  if (pid === 0) {
    server.close();
    handler(conn);
    exit(0);
  }
  conn.close();
  while (waitpid(-1, WNOHANG) > 0);
}
