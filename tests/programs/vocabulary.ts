/** Calls the vocabulary of shared/ as a changed lesson may, rightly and wrongly, and says `ok` at the end. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { Epoll, EPOLLIN, EPOLLONESHOT, EPOLLOUT } from "../../shared/epoll.ts";
import { bare, OSError } from "../../shared/libc.ts";
import { fork } from "../../shared/process.ts";
import { HttpRequest } from "../../shared/request.ts";
import { response } from "../../shared/response.ts";
import { FdSet, select } from "../../shared/select.ts";
import { createServer } from "../../shared/server.ts";
import { SHUT_RDWR, SO_RCVTIMEO, Socket, SOL_SOCKET } from "../../shared/socket.ts";
import { Thread } from "../../shared/thread.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | null) => data && new TextDecoder().decode(data);
const descriptors = () => readdirSync("/proc/self/fd").length;

const server = new Socket();
server.bind(["127.0.0.1", 0]);
server.listen(1024);
const [, port] = server.getsockname();
const client = new Socket();
client.connect(["127.0.0.1", port]);
const conn = server.accept()!;

// recv: all that came, and what it returned stays as it is.
const many = new Uint8Array(300_000).map((_, i) => i % 251);
assert.equal(client.send(many), many.length); // a blocking one sleeps until all of it fits
for (let got = 0; got < many.length;) {
  const data = conn.recv(400_000)!;
  assert(data.every((byte, i) => byte === (got + i) % 251));
  got += data.length;
}
const kept = ["Alice", "Bob", "Carol"].map((name) => (client.send(bytes(name)), conn.recv(4096)!));
assert.deepEqual(kept.map(text), ["Alice", "Bob", "Carol"]);

// Every argument that cannot be meant: what is said names it, here %, or what would be right.
const mistakes: [says: string, call: (value: never) => unknown, ...values: unknown[]][] = [
  ["recv takes at least 1 byte, not %", (size) => conn.recv(size), 0],
  ["not %", (size) => conn.recv(size), undefined, 1.5, 2 ** 31, "4096"],
  ["send takes bytes", (data) => conn.send(data), "text", [1, 2]],
  ["not %", (value) => conn.setsockopt(1, 2, value), 1.5],
  ["not [%,0]", (host) => new Socket().bind([host, 0]), "localhost", "256.0.0.1", "127..0.1", "::1"],
  ["an address is [host, port]", (address) => new Socket().bind(address), ["127.0.0.1", 65536], "127.0.0.1"],
  ["not %", (backlog) => server.listen(backlog), "many"],
  ["not %", (how) => conn.shutdown(how), undefined],
  ["not %", (timeout) => conn.settimeout(timeout), "soon", -1, NaN],
  ["not %", (fd) => new Epoll().register(fd, EPOLLIN), 1.5],
  ["not function", (fd) => new Epoll().register(fd, EPOLLIN), conn.fileno],
  ["a descriptor", (fd) => new Socket(fd), {}, "7"],
  ["such as EPOLLIN, has to be a whole number, not %", (events) => new Epoll().register(conn, events), "in"],
  ["not %", (timeout) => new Epoll().poll(timeout), NaN, Infinity],
  ["descriptor %", (fd) => new FdSet().add(fd), 1024, -1],
  ["not %", (timeout) => select(new FdSet(), null, null, timeout), -1],
  ["new FdSet([server])", (sets) => select(sets, sets, sets), [server]],
  [`createServer takes what options("…") returns, not %`, (address) => createServer(address), 8080],
  ["Thread takes { module: import.meta.url", (target) => new Thread(target), () => {}],
  ["becomeForkable() has to come first", fork, undefined],
];
for (const [says, call, ...values] of mistakes) {
  for (const value of values) {
    const said = says.replace("%", typeof value === "string" ? `"${value}"` : `${value}`);
    const right = (error: Error) => !(error instanceof OSError) && error.message.includes(said);
    assert.throws(() => call(value as never), right, `${call} of ${value}`);
  }
}

// settimeout, as Python's.
const waits = (call: () => unknown, ms: number) => {
  const begin = performance.now();
  call();
  assert(performance.now() - begin > ms - 1, `it has not waited for ${ms} ms`);
};
conn.settimeout(0.05);
waits(() => assert.equal(conn.recv(1), null), 50);
conn.settimeout(0);
assert.equal(conn.recv(1), null);
conn.settimeout(null); // it blocks again, for as long as another limit allows: a struct timeval
conn.setsockopt(SOL_SOCKET, SO_RCVTIMEO, Int32Array.of(0, 0, 60_000, 0));
waits(() => assert.equal(conn.recv(1), null), 60);
conn.setsockopt(SOL_SOCKET, SO_RCVTIMEO, Int32Array.of(0, 0, 0, 0));
server.settimeout(0.05);
waits(() => assert.equal(server.accept(), null), 50);
server.settimeout(null);

// select: three sets and a timeout.
const all = new FdSet([server, conn, 31, 32, 1023]);
for (const fd of [31, 32, 1023]) all.delete(fd);
const told = (sets: readonly FdSet[]) => sets.map((set) => [set.has(server), set.has(conn)]);
const none = [false, false];
assert.deepEqual(told(select(all, null, null, 0)), [none, none, none]);
assert.deepEqual(told(select(all, all, all)), [none, [false, true], none]);
client.send(bytes("x"));
assert.deepEqual(told(select(all, null, null)), [[false, true], none, none]);
assert.equal(text(conn.recv(1)), "x");
waits(() => select(all, null, null, 0.02), 20);

// epoll: its flags, its timeout, its end.
const before = descriptors();
const epoll = new Epoll();
const fileno = conn.fileno();
epoll.register(conn, EPOLLIN | EPOLLONESHOT);
client.send(bytes("x"));
assert.deepEqual(epoll.poll(), [[fileno, EPOLLIN]]);
assert.deepEqual(epoll.poll(0), []); // once
assert.equal(text(conn.recv(1)), "x");
epoll.unregister(conn);
epoll.register(conn); // as Python's: for all that can come, and room to send
assert.deepEqual(epoll.poll(), [[fileno, EPOLLOUT]]);
epoll.modify(fileno, EPOLLIN);
for (let i = 0; i < 20; i++) waits(() => epoll.poll(0.0001), 1.1); // a millisecond, not 0
// No program that is started gets one of them: fcntl(2) with F_GETFD returns FD_CLOEXEC.
const inherited = readdirSync("/proc/self/fd").filter((fd) => +fd > 2 && bare.fcntl(+fd, 1, 0) === 0);
assert.doesNotMatch(inherited.map((fd) => readlinkSync(`/proc/self/fd/${fd}`)).join(), /socket|eventpoll/);
epoll.close();
epoll.close();
assert.equal(descriptors(), before);
assert.throws(() => epoll.poll(0), OSError);

// More events than one call of epoll_wait brings: the next calls bring the others.
{
  const epoll = new Epoll();
  const sockets = Array.from({ length: 600 }, () => new Socket());
  for (const socket of sockets) epoll.register(socket, EPOLLONESHOT); // an unconnected one has hung up
  const seen: number[] = [];
  for (let events; (events = epoll.poll(0)).length > 0;) seen.push(...events.map(([fd]) => fd));
  assert.deepEqual(seen.sort((a, b) => a - b), sockets.map((socket) => socket.fileno()));
  for (const socket of [...sockets, epoll]) socket.close();
}

// send: as much as fits, and nothing over a connection that is shut.
conn.setblocking(false);
const some = conn.send(new Uint8Array(50_000_000));
assert(some > 0 && some < 50_000_000);
conn.shutdown(SHUT_RDWR);
assert.equal(conn.recv(1)!.length, 0);
assert.equal(conn.send(bytes("x")), 0);
for (const socket of [client, conn, conn]) socket.close();
assert.equal(conn.fileno(), -1);
for (const call of [() => conn.recv(1), () => conn.send(bytes("x")), () => server.setsockopt(1, 9999, 1)]) {
  assert.throws(call, OSError);
}

// A request as text, however it was cut; a response with its length in bytes.
const request = new HttpRequest();
for (const byte of bytes("GET /grüße HTTP/1.1\r\n\r\n")) request.add(Uint8Array.of(byte));
assert.equal(request.text, "GET /grüße HTTP/1.1\r\n\r\n");
const head = "HTTP/1.1 404 Not Found\r\nConnection: Close\r\nContent-Length: 7\r\n";
assert.equal(text(response(bytes("grüße"), "404 Not Found", { X: "y" })), `${head}X: y\r\n\r\ngrüße`);

// errno: EAGAIN 300,000 times in a row while the garbage collector runs. Any other would throw, or end the stream.
server.setblocking(false);
const garbage: unknown[] = [];
for (let i = 0; i < 300_000; i++) {
  assert.equal(server.accept(), null);
  garbage[i % 10_000] = { i, text: `${i}` };
}

console.log("ok");
