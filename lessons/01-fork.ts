/**
 * 01: one process for each connection.
 *
 * fork(2) makes a second process with the same memory and descriptors, and that child
 * serves one client. It may sleep while its client is slow: nobody else waits with it.
 *
 * Article: 《web 服务器的秘密》 part one, which part two begins from (TPC 与 PPC)
 * Calls:   accept(2), fork(2), recv(2), send(2), _exit(2), waitpid(2)
 * Costs:   for every client page tables to copy, and each page that one side writes to.
 *          In a JavaScript runtime most of the cost is what runs for the first time, in each child anew.
 * Differs: - becomeForkable(): a JavaScript runtime is not made for fork(2).
 *          - A request is received up to its empty line, in however many pieces it comes.
 *          - The close waits for the client's, or a reset can destroy an answer on its way.
 * Run:     deno run -A lessons/01-fork.ts     or     bun …     or     node …
 */
import { becomeForkable } from "../shared/forkable.ts";
import { exit, fork, waitpid, WNOHANG } from "../shared/process.ts";
import { lingeringClose } from "../shared/linger.ts";
import { recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import type { Socket } from "../shared/socket.ts";

function handler(conn: Socket) {
  const request = recvRequest(conn); // recv(2): sleeps until the client has sent it
  if (request) conn.send(RESPONSE); // null: the client has left before that
  lingeringClose(conn);
}

const address = options("one process for each connection, made by fork(2)");
becomeForkable(); // execve(2): this program starts again from its first line, in a runtime that survives fork(2)
const server = createServer(address); // socket(2), bind(2), listen(2)
server.settimeout(1); // so that accept(2) comes back each second, to reap. (A SIGCHLD handler would need an event loop.)

while (true) {
  const conn = server.accept();
  if (conn !== null) {
    // From here on there are two processes, with the same variables and the
    // same open descriptors. They differ in what fork returned.
    const pid = fork(); // -1: no further process can be made, and this client gets no answer
    if (pid === 0) { // the child
      server.close(); // its copy: or the port would be taken for as long as this child lives
      handler(conn);
      exit(0); // _exit(2): it must not go on into the loop
    }
    conn.close(); // the parent's copy: the connection ends when the last one is closed
  }
  // A child that has ended stays in the process table, a zombie, until its parent
  // asks for it, here within a second. -1: for any child. WNOHANG: but don't wait for one.
  while (waitpid(-1, WNOHANG)[0] > 0);
}
