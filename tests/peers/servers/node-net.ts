/**
 * What one takes on Node.js for TCP without HTTP: node:net. `node node-net.ts PORT`, and it runs on
 * Deno and Bun, too. Where a request ends is found as the lessons find it.
 */
import { type AddressInfo, createServer } from "node:net";
import { argv } from "node:process";

const RESPONSE = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA";
const MAX_HEAD = 64 * 1024;

const server = createServer((conn) => {
  let request = "";
  conn.setEncoding("latin1"); // a byte is a character, so none is cut in two
  conn.on("data", (data) => {
    if (!conn.writable) return; // answered: what comes now is only read, up to the client's end
    request += data;
    if (/\n\r*\n/.test(request) || request.length > MAX_HEAD) conn.end(RESPONSE); // send, then shutdown(2)
  });
  conn.on("error", () => {}); // the client has reset the connection, and it is closed
});
server.listen({ host: "127.0.0.1", port: Number(argv[2]), backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
