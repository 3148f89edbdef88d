/**
 * The load: `deno run --allow-ffi tests/load.ts PORT CLIENTS SECONDS [COUNT]`, over the
 * project's own sockets and epoll. Closed loop: each client connects, sends a
 * request, reads the answer to its end, closes, and begins again; until the
 * time is over or COUNT requests are done. Five minutes without a sign of the server end it, too.
 * Prints one line of JSON.
 */
import { Epoll, EPOLLIN, EPOLLOUT } from "../shared/epoll.ts";
import { RESPONSE } from "../shared/response.ts";
import { Socket } from "../shared/socket.ts";

/** What one run found. */
export interface LoadResult {
  /** Requests with the right answer. */
  requests: number;
  /** Requests with another answer, a reset, or none. */
  failed: number;
  seconds: number;
  /** Latency from connect to the end of the answer, in µs. */
  p50: number;
  p99: number;
  max: number;
}

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");

/** Seconds: longer than 04 needs to take 10,000 silent clients in. */
const PATIENCE = 300;

/** Latencies in buckets, each 1/16 of a power of two wide: exact to 4 %. */
class Histogram {
  readonly #buckets = new Uint32Array(16 * 32);
  #count = 0;
  max = 0;

  add(us: number): void {
    this.#buckets[Math.floor(Math.log2(Math.max(us, 1)) * 16)]++;
    this.#count++;
    this.max = Math.max(this.max, us);
  }

  /** The latency that `share` of all requests stayed below. */
  percentile(share: number): number {
    let rest = this.#count * share;
    const bucket = this.#buckets.findIndex((count) => (rest -= count) <= 0);
    return Math.min(2 ** ((bucket + 0.5) / 16), this.max);
  }
}

interface Client {
  conn: Socket;
  started: number;
  received: number;
}

/** Run the load against a server on 127.0.0.1. */
export function runLoad(port: number, clients: number, seconds: number, count = Infinity): LoadResult {
  const epoll = new Epoll();
  const open = new Map<number, Client>();
  const latencies = new Histogram();
  let begun = 0;
  let requests = 0;
  let failed = 0;

  const begin = () => {
    begun++;
    const conn = new Socket();
    conn.setblocking(false);
    open.set(conn.fileno(), { conn, started: performance.now(), received: 0 });
    conn.connect("127.0.0.1", port);
    // On loopback the connection mostly stands at once.
    epoll.register(conn.fileno(), conn.send(REQUEST) ? EPOLLIN : EPOLLOUT);
  };

  const start = performance.now();
  const end = start + seconds * 1000;
  for (let i = 0; i < Math.min(clients, count); i++) begin();
  while (open.size > 0) {
    const n = epoll.poll(PATIENCE);
    if (n === 0) {
      failed += open.size;
      break;
    }
    const now = performance.now();
    for (let i = 0; i < n; i++) {
      const fileno = epoll.fileno(i);
      const client = open.get(fileno)!;
      if (!(epoll.event(i) & EPOLLIN) && client.conn.send(REQUEST)) {
        epoll.modify(fileno, EPOLLIN);
        continue;
      }
      const data = client.conn.recv(4096);
      if (data === null) continue;
      if (data.length > 0) {
        const offset = client.received;
        client.received += data.length;
        if (data.some((byte, j) => byte !== RESPONSE[offset + j])) client.received = Infinity;
        continue;
      }
      if (client.received === RESPONSE.length) {
        requests++;
        latencies.add((now - client.started) * 1000);
      } else {
        failed++;
      }
      client.conn.close(); // which also takes it out of epoll
      open.delete(fileno);
      if (now < end && begun < count) begin();
    }
  }
  return {
    requests,
    failed,
    seconds: (performance.now() - start) / 1000,
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
    max: latencies.max,
  };
}

if (import.meta.main) {
  const [port, clients, seconds, count] = Deno.args.map(Number);
  console.log(JSON.stringify(runLoad(port, clients, seconds, count)));
}
