/** The socket that a lesson listens on, and plain words when there can be none. */
import { Errno, OSError } from "./errno.ts";
import type { Address } from "./options.ts";
import { runtime } from "./runtime.ts";
import { SO_REUSEADDR, Socket, SOL_SOCKET } from "./socket.ts";
import { die } from "./stderr.ts";

/**
 * How many connections the kernel takes before they are accepted. The listings
 * say 1; then a burst of clients waits for seconds, because the kernel drops
 * what does not fit and the client's kernel tries again only after a second, and
 * perhaps again. The kernel itself cuts this to /proc/sys/net/core/somaxconn.
 */
const BACKLOG = 4096;

/**
 * A socket that listens on an address: socket(2), setsockopt(2), bind(2),
 * listen(2), as Python's `socket.create_server`. Then it prints where. What
 * the system refuses ends the process with a sentence (exit code 1).
 */
export function createServer({ host, port, lesson }: Address, { backlog = BACKLOG } = {}): Socket {
  if (!runtime.isMainThread) {
    throw new Error(
      "a thread has come to createServer: what the main thread alone does stands in if (isMainThread) { … }",
    );
  }
  const server = new Socket();
  server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1); // or connections of an earlier server keep the port: socket(7)
  try {
    server.bind(host, port);
    server.listen(backlog);
  } catch (error) {
    const code = error instanceof OSError ? error.code : 0;
    die(`${lesson}: ${advice(code, host, port) ?? error}`);
  }
  const url = `http://${server.getsockname().join(":")}`;
  console.log(`${lesson} listening on ${url}\nTry: curl -i ${url}   Stop: Ctrl-C`);
  return server;
}

function advice(code: number, host: string, port: number): string | undefined {
  switch (code) {
    case Errno.EADDRINUSE:
      return `port ${port} is in use: stop the program that has it, or take another with --port (0 takes a free one)`;
    case Errno.EACCES:
      return `port ${port} needs more rights: take one from 1024 up with --port`;
    case Errno.EADDRNOTAVAIL:
      return `this machine has no address ${host}: take 127.0.0.1, or 0.0.0.0 for all, with --host`;
  }
}
