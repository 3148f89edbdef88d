/** What a forked child does with its client, done by the process that forks. */
import { libc } from "./libc.ts";
import { lingeringClose } from "./linger.ts";
import { recvRequest } from "./request.ts";
import { RESPONSE } from "./response.ts";
import { Socket } from "./socket.ts";

/**
 * What is loaded, compiled or allocated at its first use would be so in each child anew, which costs more than the fork. So
 * open every C function, and serve a few clients over the loopback: an engine takes notes of a function's first calls.
 */
export function rehearse(): void {
  Object.values(libc);
  const server = new Socket();
  server.bind(["127.0.0.1", 0]);
  server.listen(1);
  for (let i = 0; i < 4; i++) {
    const client = new Socket();
    client.connect(server.getsockname());
    const conn = server.accept()!;
    client.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    if (recvRequest(conn)) conn.send(RESPONSE);
    client.close();
    lingeringClose(conn);
  }
  server.close();
  Socket.closeAll("rehearsal"); // there is none left
}
