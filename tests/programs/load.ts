/**
 * The load: `load.ts`, under Deno. Each line on its standard input is a {@link LoadOrder}, and it answers with a
 * {@link LoadResult}. Closed loop: each client connects, sends a request, reads the answer to its end, closes, and
 * begins again. It reads the server's CPU clock by itself, right before the first request and right after the last
 * answer: what starts a program or carries a message would be paid by a server that spins meanwhile.
 */
import { REQUEST as REQUEST_TEXT } from "../support/clients.ts";
import { cpuSeconds, threadSeconds, tree } from "../support/proc.ts";
import { connection, libc } from "../support/syscalls.ts";
import { pause } from "../support/wait.ts";

/** What to do. */
export interface LoadOrder {
  port: number;
  pid: number;
  /** Clients at once. With none, the clocks go on and nothing happens. */
  clients: number;
  /** It ends when so many seconds are over, or so many requests are done. */
  seconds: number;
  count?: number;
  /** The server goes on working after the last answer: wait until its processes and threads have ended. */
  rest: boolean;
}

/** What one run found. */
export interface LoadResult {
  /** Requests with the right answer. */
  requests: number;
  /** Requests with another answer, a reset, or none for five minutes. */
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
const PATIENCE = 300; // s: longer than 04 needs to accept 10,000 silent clients

const [POLLIN, MSG_NOSIGNAL] = [0x001, 0x4000]; // asm-generic/poll.h, linux/socket.h

/** The time, and the CPU time of a server so far, as in a {@link LoadResult}. */
function readClocks(pid: number) {
  const cpu = tree(pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return { seconds: performance.now() / 1000, cpu, main: threadSeconds(pid) };
}

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { port, pid, clients, count = Infinity, rest } = order;
  const data = new Uint8Array(4096);
  const decoder = new TextDecoder();
  // struct pollfd: a descriptor, or -1; what is asked of it, and in the upper half the answer.
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
  const end = before.seconds + order.seconds;
  if (clients === 0) await pause(order.seconds * 1000);
  while (begun < Math.min(clients, count)) begin(begun);
  while (connected > 0 && libc.poll(polled, clients, PATIENCE * 1000) > 0) {
    const goesOn = performance.now() / 1000 < end;
    for (let client = 0; client < clients; client++) {
      const fd = polled[2 * client];
      if (fd === -1 || polled[2 * client + 1] >> 16 === 0) continue;
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

for await (const order of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const found = await runLoad(JSON.parse(order)).catch(({ message }: Error) => ({ message })); // the server is gone
  console.log(JSON.stringify(found));
}
