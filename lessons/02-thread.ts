import { lingeringClose, recvRequest } from "../shared/request.ts";
import { RESPONSE } from "../shared/response.ts";
import { createServer, options } from "../shared/server.ts";
import { Socket } from "../shared/socket.ts";
import { isMainThread, Thread } from "../shared/thread.ts";

export function handler(fileno: number) {
  const conn = new Socket(fileno);
  if (recvRequest(conn)) conn.send(RESPONSE);
  lingeringClose(conn);
}

if (isMainThread) {
  const server = createServer(options(import.meta.url, "one thread for each connection"));

  while (true) {
    const conn = server.accept();
    if (conn === null) continue;
    const thread = new Thread({ module: import.meta.url, target: handler, args: [conn.fileno()] });
    if (!await thread.start()) conn.close();
  }
}
