/** Calls the vocabulary of shared/ as a changed lesson may, rightly and wrongly, and says `ok` at the end. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Epoll, EPOLLET, EPOLLIN, EPOLLONESHOT, EPOLLOUT } from "../../shared/epoll.ts";
import { OSError } from "../../shared/errno.ts";
import { HttpRequest } from "../../shared/request.ts";
import { response } from "../../shared/response.ts";
import { FdSet, select } from "../../shared/select.ts";
import { IPPROTO_TCP, SHUT_RDWR, Socket, TCP_NODELAY } from "../../shared/socket.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | null) => data && new TextDecoder().decode(data);
const wrong = (value: unknown) => value as never;
const descriptors = () => readdirSync("/proc/self/fd").length;

const server = new Socket();
server.bind("127.0.0.1", 0);
server.listen(8);
/** Two ends of a connection. */
function pair(): [client: Socket, conn: Socket] {
  const client = new Socket();
  client.connect(...server.getsockname());
  const conn = server.accept()!;
  return [client, conn];
}
const [client, conn] = pair();

// Who came, and that the kernel has taken the address that was meant, both bytes of the port. It gives an address
// as a word of this machine, which is little-endian.
assert.deepEqual(conn.addr, client.getsockname());
for (const host of ["127.1.2.3", "127.255.255.254"]) {
  const [, port] = server.getsockname();
  const other = new Socket();
  other.bind(host, port); // the same number is free on another address
  other.listen(1);
  assert.deepEqual(other.getsockname(), [host, port]);
  const octets = host.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  const line = `${octets.reverse().join("")}:${port.toString(16).padStart(4, "0")} 00000000:0000 0A`
    .toUpperCase();
  assert(readFileSync("/proc/net/tcp", "utf8").includes(line), `no ${line}`);
  other.close();
}

// recv: any length that is one; nothing else reaches memory.
const many = new Uint8Array(300_000).map((_, i) => i % 251);
client.sendall(many);
for (let got = 0; got < many.length;) {
  const data = conn.recv(400_000)!;
  assert(data.every((byte, i) => byte === (got + i) % 251));
  got += data.length;
}
for (const length of [-1, undefined, null, NaN, 1.5, 2 ** 31, Infinity, "4096", {}]) {
  assert.throws(() => conn.recv(wrong(length)), RangeError, `recv(${length})`);
}

// What it returned stays as it is.
const kept: Uint8Array[] = [];
for (const name of ["Alice", "Bob", "Carol"]) {
  client.send(bytes(name));
  kept.push(conn.recv(4096)!);
}
assert.deepEqual(kept.map(text), ["Alice", "Bob", "Carol"]);

// Every other argument that cannot be meant.
const mistakes: Record<string, () => unknown> = {
  "a string to send": () => conn.send(wrong("text")),
  "nothing to send": () => conn.send(wrong(undefined)),
  "an array to send": () => conn.sendall(wrong([1, 2])),
  "half an option": () => conn.setsockopt(1, 2, 1.5),
  "no option": () => conn.setsockopt(1, wrong(undefined), 1),
  "a name to bind": () => new Socket().bind("localhost", 0),
  "an octet of 256": () => new Socket().bind("256.0.0.1", 0),
  "port 65536": () => new Socket().bind("127.0.0.1", 65536),
  "no port": () => new Socket().connect("127.0.0.1", wrong(undefined)),
  "a backlog in words": () => server.listen(wrong("many")),
  "shutdown without how": () => conn.shutdown(wrong(undefined)),
  "no descriptor": () => new Socket(1.5),
  "a timeout in words": () => conn.settimeout(wrong("1")),
  "a negative timeout": () => conn.settimeout(-1),
  "no timeout": () => conn.settimeout(wrong(undefined)),
  "half a descriptor": () => new Epoll().register(1.5, EPOLLIN),
  "a poll until NaN": () => new Epoll().poll(NaN),
  "a bit past the set": () => new FdSet().add(1024),
  "a bit before it": () => new FdSet().add(-1),
  "a name of three octets": () => new Socket().bind("1.2.3", 0),
  "a select until -1": () => select(new FdSet(), null, null, -1),
};
for (const [what, mistake] of Object.entries(mistakes)) {
  assert.throws(mistake, (error) => error instanceof TypeError || error instanceof RangeError, what);
}

// settimeout, as Python's.
const blocks = () => {
  const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${conn.fileno()}`, "utf8"))![1];
  return (parseInt(flags, 8) & 0o4000) === 0; // O_NONBLOCK
};
const waits = (call: () => unknown, ms: number) => {
  const begin = performance.now();
  assert.equal(call(), null);
  assert(performance.now() - begin > ms - 1, `it has not waited for ${ms} ms`);
};
conn.settimeout(0.05);
assert(blocks());
waits(() => conn.recv(1), 50);
conn.settimeout(0);
assert(!blocks());
assert.equal(conn.recv(1), null);
conn.settimeout(null);
assert(blocks());
server.settimeout(0.05);
waits(() => server.accept(), 50);
{
  const [client, conn] = pair(); // from a server with a limit comes a connection without one
  conn.setblocking(false);
  client.send(bytes("x"));
  assert.equal(text(conn.recv(1)), "x");
  for (const socket of [client, conn]) socket.close();
}
server.settimeout(null);

// An fd_set: a bit each where the kernel looks for it, bit fd % 8 of byte fd / 8, and no bit past it.
const bits = (set: FdSet) => {
  const bytes = new Uint8Array(set.bits.buffer, set.bits.byteOffset, set.bits.byteLength);
  return Array.from({ length: 1024 }, (_, fd) => fd).filter((fd) => bytes[fd >> 3] & 1 << (fd & 7));
};
const set = new FdSet();
for (const fd of [0, 31, 32, 63, 64, 1023, 31, 1023]) set.add(fd);
set.delete(33);
set.delete(63);
assert.deepEqual(bits(set), [0, 31, 32, 64, 1023]);
for (let fd = 0; fd < 1024; fd++) assert.equal(set.has(fd), bits(set).includes(fd));

// select: three sets and a timeout.
const all = new FdSet();
for (const socket of [server, conn]) all.add(socket);
const told = (sets: readonly FdSet[]) => sets.map((set) => [set.has(server), set.has(conn)]);
const none = [false, false];
assert.deepEqual(told(select(all, null, null, 0)), [none, none, none]);
assert.deepEqual(told(select(all, all, all)), [none, [false, true], none]);
client.send(bytes("x"));
assert.deepEqual(told(select(all, null, null)), [[false, true], none, none]);
assert.equal(text(conn.recv(1)), "x");
{
  const begin = performance.now();
  select(all, null, null, 0.02);
  assert(performance.now() - begin > 19);
}

// epoll: its flags, its timeout, its end.
const before = descriptors();
const epoll = new Epoll();
const fileno = conn.fileno();
epoll.register(conn, EPOLLIN | EPOLLONESHOT);
client.send(bytes("x"));
assert.deepEqual(epoll.poll(), [[fileno, EPOLLIN]]);
assert.deepEqual(epoll.poll(0), []); // once
epoll.modify(conn, EPOLLIN | EPOLLET);
assert.deepEqual(epoll.poll(), [[fileno, EPOLLIN]]);
assert.deepEqual(epoll.poll(0), []); // nothing new
client.send(bytes("y"));
assert.deepEqual(epoll.poll(), [[fileno, EPOLLIN]]);
assert.equal(text(conn.recv(2)), "xy");
epoll.modify(fileno, EPOLLOUT);
assert.deepEqual(epoll.poll(), [[fileno, EPOLLOUT]]);
epoll.modify(fileno, EPOLLIN);
let soonest = Infinity;
for (let i = 0; i < 20; i++) {
  const begin = performance.now();
  assert.deepEqual(epoll.poll(0.0001), []);
  soonest = Math.min(soonest, performance.now() - begin);
}
assert(soonest > 0.1, `a tenth of a millisecond took ${soonest} ms`); // rounded up, not to 0
epoll.close();
epoll.close();
assert.equal(descriptors(), before);
assert.throws(() => epoll.poll(0), OSError);

// sendall: all, or it says so.
conn.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
assert.equal(conn.sendall(bytes("all of it")), true);
assert.equal(text(client.recv(4096)), "all of it");
conn.setblocking(false);
assert.throws(() => conn.sendall(new Uint8Array(50_000_000)), /^OSError: sendall: EAGAIN/);
conn.shutdown(SHUT_RDWR);
assert.equal(conn.recv(1)!.length, 0);
assert.equal(conn.sendall(bytes("x")), false);
client.close();
conn.close();
conn.close();
assert.equal(conn.fileno(), -1);
for (const call of [() => conn.recv(1), () => conn.send(bytes("x")), () => server.setsockopt(1, 9999, 1)]) {
  assert.throws(call, OSError);
}

// A request as text, however it was cut; a response with its length in bytes.
const request = new HttpRequest();
const head = bytes("GET /grüße HTTP/1.1\r\n\r\n");
for (const byte of head) request.add(Uint8Array.of(byte));
assert.equal(request.text, "GET /grüße HTTP/1.1\r\n\r\n");
assert.equal(
  text(response("grüße", "404 Not Found")),
  "HTTP/1.1 404 Not Found\r\nConnection: Close\r\nContent-Length: 7\r\n\r\ngrüße",
);

// errno: EAGAIN 300,000 times in a row while the garbage collector runs. Any other would throw, or end the stream.
server.setblocking(false);
let garbage: unknown[] = [];
for (let i = 0; i < 300_000; i++) {
  assert.equal(server.accept(), null);
  garbage.push({ i, text: `${i}` });
  if (garbage.length > 10_000) garbage = [];
}

console.log("ok");
