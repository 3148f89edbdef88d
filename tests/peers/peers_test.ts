/** The peers do what they are measured for: a peer that fails some of its clients is no measure. */
import { assertEquals, assertMatch } from "@std/assert";
import { connect as nodeConnect } from "node:net";
import { connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { type Server, startServer } from "../support/servers.ts";
import { PEERS } from "./peers.ts";

const dir = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

/** Connect, send something, and reset the connection. */
function reset({ port }: Server, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = nodeConnect(port, "127.0.0.1", () => socket.write(text, () => socket.resetAndDestroy()));
    socket.on("error", () => {}).on("close", () => resolve());
  });
}

for (const peer of PEERS) {
  const why = peer.leftOut();
  Deno.test({
    name: `${peer.name}: ${why ? `left out, ${why}` : "serves polite clients, and outlives rude ones"}`,
    ignore: why !== undefined,
    async fn() {
      const right = (answer: string) => {
        if (peer.exact) return assertEquals(answer, RESPONSE_TEXT);
        assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
        assertMatch(answer, /\r\nConnection: close\r\n/i);
        assertMatch(answer, /\r\nContent-Length: 1\r\n/i);
        assertMatch(answer, /\r\n\r\nA$/);
      };
      await using server = await startServer(peer.name, peer.command(dir, 0));
      right(await get(server));

      using slow = await connect(server);
      slow.setNoDelay(true);
      for (const byte of REQUEST) await sendAll(slow, byte);
      right(await readAll(slow));

      // More of them than 03 has threads.
      for (let i = 0; i < 5; i++) {
        await reset(server, "");
        await reset(server, REQUEST.slice(0, 10));
        await reset(server, REQUEST);
      }
      let left = 200;
      const client = async () => {
        while (left-- > 0) right(await get(server));
      };
      await Promise.all(Array.from({ length: 10 }, client));
      assertEquals(server.stderr, []);
    },
  });
}
