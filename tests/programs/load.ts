/**
 * The load: `load.ts PORT CLIENTS SECONDS COUNT EXACT`, under Deno. Closed loop: each client connects,
 * sends a request, reads the answer to its end, closes, and begins again; until the time is over or COUNT
 * requests are done. Five minutes without a sign of the server end it, too. EXACT is 1 where an answer has to be the lessons' to the byte, 0 where
 * it may have headers of its own. Prints one line of JSON.
 */
import { REQUEST as REQUEST_TEXT, RESPONSE_TEXT } from "../support/clients.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/syscalls.ts";

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

const REQUEST = new TextEncoder().encode(REQUEST_TEXT);
const decoder = new TextDecoder();

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

// include/uapi/linux/eventpoll.h. On x86-64 alone struct epoll_event is packed.
const EPOLLIN = 0x001;
const EPOLLOUT = 0x004;
const EPOLLERR = 0x008;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const [WORDS, DATA] = Deno.build.arch === "x86_64" ? [3, 1] : [4, 2];
const MAX_EVENTS = 512;
const MSG_NOSIGNAL = 0x4000;

interface Client {
  started: number;
  /** What has come of the answer. */
  answer: string;
}

function runLoad(port: number, clients: number, seconds: number, count: number, exact: boolean): LoadResult {
  const epoll = libc.epoll_create1(0);
  const event = new Int32Array(WORDS);
  const events = new Int32Array(WORDS * MAX_EVENTS);
  const control = (operation: number, fd: number, what: number) => {
    event[0] = what;
    event[DATA] = fd;
    libc.epoll_ctl(epoll, operation, fd, event);
  };
  const data = new Uint8Array(4096);
  const open = new Map<number, Client>();
  const latencies = new Histogram();
  const right = (answer: string) =>
    exact ? answer === RESPONSE_TEXT : /^HTTP\/1\.1 200 [^]*\r\n\r\nA$/.test(answer);
  let begun = 0;
  let requests = 0;
  let failed = 0;

  const sent = (fd: number) => libc.send(fd, REQUEST, REQUEST.length, MSG_NOSIGNAL) === REQUEST.length;
  const begin = () => {
    begun++;
    const started = performance.now();
    const fd = connection(port, SOCK_NONBLOCK);
    open.set(fd, { started, answer: "" });
    // On loopback the connection mostly stands at once.
    control(EPOLL_CTL_ADD, fd, sent(fd) ? EPOLLIN : EPOLLOUT);
  };

  const start = performance.now();
  const end = start + seconds * 1000;
  for (let i = 0; i < Math.min(clients, count); i++) begin();
  while (open.size > 0) {
    const n = libc.epoll_wait(epoll, events, MAX_EVENTS, PATIENCE * 1000);
    if (n === 0) {
      failed += open.size;
      break;
    }
    const now = performance.now();
    for (let i = 0; i < n; i++) {
      const what = events[i * WORDS];
      const fd = events[i * WORDS + DATA];
      const client = open.get(fd)!;
      if (!(what & (EPOLLIN | EPOLLERR)) && sent(fd)) {
        control(EPOLL_CTL_MOD, fd, EPOLLIN);
        continue;
      }
      const length = libc.recv(fd, data, data.length, 0);
      if (length === -1 && !(what & EPOLLERR)) continue; // nothing there yet
      if (length > 0) {
        client.answer += decoder.decode(data.subarray(0, length));
        continue;
      }
      if (length === 0 && right(client.answer)) {
        requests++;
        latencies.add((now - client.started) * 1000);
      } else {
        failed++;
      }
      libc.close(fd); // which also takes it out of epoll
      open.delete(fd);
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

const [port, clients, seconds, count, exact] = Deno.args.map(Number);
console.log(JSON.stringify(runLoad(port, clients, seconds, count, exact === 1)));
