/**
 * The load: many thousands of requests, from one thread that does nothing else meanwhile, and what they cost the server.
 * Closed loop: each client connects, sends a request, reads the answer to its end, closes, and begins again.
 */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { REQUEST as REQUEST_TEXT } from "./clients.ts";
import { cpuSeconds, threadSeconds, tree } from "./proc.ts";
import type { Server } from "./servers.ts";
import { connection, libc } from "./syscalls.ts";
import { MINUTE, pause } from "./wait.ts";

/** What came of it. */
export interface LoadResult {
  /** Requests with the right answer. */
  requests: number;
  /** Requests with another answer, a reset, or none for a minute. */
  failed: number;
  /** From the first request to the last answer, or to the server's rest. */
  seconds: number;
  /** CPU time in them, s: of the server and its children, and of its main thread alone. */
  cpu: number;
  main: number;
}

const REQUEST = new TextEncoder().encode(REQUEST_TEXT);
/** A right one, to its end: the lessons', or one with further headers. */
const ANSWER = /^HTTP\/1\.1 200 OK\r\n([\w-]+: [^\r\n]+\r\n)+\r\nA$/;

const [POLLIN, MSG_NOSIGNAL] = [0x001, 0x4000]; // asm-generic/poll.h, linux/socket.h

/** The time, and the CPU time of a server so far, as in a {@link LoadResult}. */
function readClocks(pid: number) {
  const cpu = tree(pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return { seconds: performance.now() / 1000, cpu, main: threadSeconds(pid) };
}

/**
 * So many clients at once, until so many seconds are over or `count` requests are done. With no clients the clocks go on and
 * nothing happens. They are read right before the first request and right after the last answer: anything else between would
 * be paid by a server that spins. `rest`: such a server goes on working then, so wait until its children or threads have ended.
 */
export async function heavyLoad(
  { port, pid }: Server,
  { clients, seconds: limit = 3600, count = Infinity, rest = false }: {
    clients: number;
    seconds?: number;
    count?: number;
    rest?: boolean;
  },
): Promise<LoadResult> {
  const data = new Uint8Array(4096);
  const decoder = new TextDecoder();
  // struct pollfd: a descriptor, or -1 for none; what is asked of it, and in the upper half the answer.
  const polled = new Int32Array(2 * clients).fill(-1);
  const answers: string[] = []; // what has come so far
  let [begun, connected, requests] = [0, 0, 0];
  const begin = (client: number) => {
    begun++;
    connected++;
    const fd = connection(port); // at once: on loopback the server's kernel connects by itself
    libc.send(fd, REQUEST, REQUEST.length, MSG_NOSIGNAL);
    polled.set([fd, POLLIN], 2 * client);
    answers[client] = "";
  };

  const before = readClocks(pid);
  const end = before.seconds + limit;
  if (clients === 0) await pause(limit * 1000);
  while (begun < Math.min(clients, count)) begin(begun);
  // 0: nobody was answered for a minute. -1 is EINTR: it goes on.
  while (connected > 0 && libc.poll(polled, clients, MINUTE) !== 0) {
    const goesOn = performance.now() / 1000 < end;
    for (let client = 0; client < clients; client++) {
      if (polled[2 * client + 1] >> 16 === 0) continue;
      const fd = polled[2 * client];
      const length = libc.recv(fd, data, data.length, 0);
      if (length > 0) {
        answers[client] += decoder.decode(data.subarray(0, length));
        continue;
      }
      if (length === 0 && ANSWER.test(answers[client])) requests++; // -1: a reset
      libc.close(fd);
      connected--;
      polled[2 * client] = -1;
      if (goesOn && begun < count) begin(client);
    }
  }
  let after = readClocks(pid);
  while (rest) {
    await pause(20);
    const now = readClocks(pid);
    if (now.cpu - after.cpu < 0.001) break;
    after = now;
  }
  const seconds = after.seconds - before.seconds;
  const [cpu, main] = [after.cpu - before.cpu, after.main - before.main];
  return { requests, failed: begun - requests, seconds, cpu, main };
}

/** So many requests, of so many clients at once: each has to be answered rightly. */
export async function answersAll(server: Server, count: number, clients = 1): Promise<void> {
  const { requests, failed } = await heavyLoad(server, { clients, count });
  assertEquals({ requests, failed }, { requests: count, failed: 0 });
}
