/**
 * The load: `load.ts`, under Deno. Each line on its standard input is a {@link LoadOrder}, and it answers with a
 * {@link LoadResult}. Closed loop: each client connects, sends a request, reads the answer to its end, closes, and
 * begins again. It reads the server's CPU clock by itself, right before the first request and right after the last
 * answer: what starts a program or carries a message would be paid by a server that spins meanwhile.
 */
import { REQUEST as REQUEST_TEXT, RESPONSE_TEXT } from "../support/clients.ts";
import { connection, libc, SOCK_NONBLOCK } from "../support/libc.ts";
import { cpuSeconds, threadSeconds, tree } from "../support/proc.ts";
import { pause } from "../support/wait.ts";

/** What to do. */
export interface LoadOrder {
  port: number;
  pid: number;
  /** Clients at once. */
  clients: number;
  /** It ends when so many seconds are over, or so many requests are done. */
  seconds: number;
  count: number;
  /** The right answer is the lessons' to the byte; otherwise it may have headers of its own. */
  exact: boolean;
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
const decoder = new TextDecoder();

/** Seconds: longer than 04 needs to take 10,000 silent clients in. */
const PATIENCE = 300;

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
  /** What has come of the answer. */
  answer: string;
}

/** The time, and the CPU time of a server so far, as in {@link LoadResult}. */
function readClocks(pid: number) {
  const cpu = tree(pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return { time: performance.now() / 1000, cpu, main: threadSeconds(pid) };
}

async function runLoad({ port, pid, clients, seconds, count, exact, rest }: LoadOrder): Promise<LoadResult> {
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
  const right = (answer: string) =>
    exact ? answer === RESPONSE_TEXT : /^HTTP\/1\.1 200 [^]*\r\n\r\nA$/.test(answer);
  let begun = 0;
  let requests = 0;
  let failed = 0;

  const sent = (fd: number) => libc.send(fd, REQUEST, REQUEST.length, MSG_NOSIGNAL) === REQUEST.length;
  const begin = () => {
    begun++;
    const fd = connection(port, SOCK_NONBLOCK);
    open.set(fd, { answer: "" });
    // On loopback the connection mostly stands at once.
    control(EPOLL_CTL_ADD, fd, sent(fd) ? EPOLLIN : EPOLLOUT);
  };

  const before = readClocks(pid);
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < Math.min(clients, count); i++) begin();
  while (open.size > 0) {
    const n = libc.epoll_wait(epoll, events, MAX_EVENTS, PATIENCE * 1000);
    if (n === 0) {
      failed += open.size;
      break;
    }
    const goesOn = performance.now() < end;
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
      if (length === 0 && right(client.answer)) requests++;
      else failed++;
      libc.close(fd); // which also takes it out of epoll
      open.delete(fd);
      if (goesOn && begun < count) begin();
    }
  }
  let after = readClocks(pid);
  for (let busy = rest; busy;) {
    await pause(20);
    const now = readClocks(pid);
    busy = now.cpu - after.cpu > 0.001;
    if (busy) after = now;
  }
  libc.close(epoll);
  return {
    requests,
    failed,
    seconds: after.time - before.time,
    cpu: after.cpu - before.cpu,
    main: after.main - before.main,
  };
}

for await (const order of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  console.log(JSON.stringify(await runLoad(JSON.parse(order))));
}
