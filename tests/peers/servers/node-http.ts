/** What one takes on Node.js: node:http. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((_request, response) => {
  response.sendDate = false;
  response.writeHead(200, { "Connection": "Close", "Content-Length": 1 });
  response.end("A");
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
