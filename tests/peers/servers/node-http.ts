/** What one takes on Node.js: node:http. `node node-http.ts PORT`, and it runs on Deno and Bun, too. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { argv } from "node:process";

const server = createServer((_request, response) => {
  response.sendDate = false;
  response.writeHead(200, { "Connection": "Close", "Content-Length": 1 });
  response.end("A");
});
server.listen({ host: "127.0.0.1", port: Number(argv[2]), backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
