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

// include/uapi/linux/eventpoll.h. On x86-64 alone struct epoll_event is packed.
const EPOLLIN = 0x001;
const EPOLL_CTL_ADD = 1;
const [WORDS, DATA] = Deno.build.arch === "x86_64" ? [3, 1] : [4, 2];
const MAX_EVENTS = 512;
const MSG_NOSIGNAL = 0x4000;

/** The time, and the CPU time of a server so far, as in a {@link LoadResult}. */
function readClocks(pid: number) {
  const cpu = tree(pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return { seconds: performance.now() / 1000, cpu, main: threadSeconds(pid) };
}

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { port, pid, clients, count = Infinity, rest } = order;
  const epoll = libc.epoll_create1(0);
  const event = new Int32Array(WORDS);
  const events = new Int32Array(WORDS * MAX_EVENTS);
  const data = new Uint8Array(4096);
  const decoder = new TextDecoder();
  const answers = new Map<number, string>(); // of the clients that are connected, what has come so far
  let [begun, requests] = [0, 0];
  const begin = () => {
    begun++;
    const fd = connection(port); // at once: on loopback the server's kernel connects by itself
    libc.send(fd, REQUEST, REQUEST.length, MSG_NOSIGNAL);
    answers.set(fd, "");
    [event[0], event[DATA]] = [EPOLLIN, fd];
    libc.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event);
  };

  const before = readClocks(pid);
  const end = before.seconds + order.seconds;
  if (clients === 0) await pause(order.seconds * 1000);
  while (begun < Math.min(clients, count)) begin();
  while (answers.size > 0) {
    const n = libc.epoll_wait(epoll, events, MAX_EVENTS, PATIENCE * 1000);
    if (n === 0) break;
    const goesOn = performance.now() / 1000 < end;
    for (let i = 0; i < n; i++) {
      const fd = events[i * WORDS + DATA];
      const length = libc.recv(fd, data, data.length, 0);
      if (length > 0) {
        answers.set(fd, answers.get(fd)! + decoder.decode(data.subarray(0, length)));
        continue;
      }
      if (length === 0 && ANSWER.test(answers.get(fd)!)) requests++; // -1: a reset
      libc.close(fd); // which also takes it out of epoll
      answers.delete(fd);
      if (goesOn && begun < count) begin();
    }
  }
  let after = readClocks(pid);
  while (rest) {
    await pause(20);
    const now = readClocks(pid);
    if (now.cpu - after.cpu < 0.001) break;
    after = now;
  }
  for (const fd of [epoll, ...answers.keys()]) libc.close(fd);
  const seconds = after.seconds - before.seconds;
  const [cpu, main] = [after.cpu - before.cpu, after.main - before.main];
  return { requests, failed: begun - requests, seconds, cpu, main };
}

for await (const order of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const found = await runLoad(JSON.parse(order)).catch(({ message }: Error) => ({ message })); // the server is gone
  console.log(JSON.stringify(found));
}
