/** What the lessons are measured against serves: a program that fails some of its clients is no measure. */
import { assertEquals, assertMatch } from "@std/assert";
import { connect as nodeConnect } from "node:net";
import { connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { type Server, startServer } from "../support/servers.ts";
import { PROGRAMS } from "./programs.ts";

const dir = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

/** Connect, send something, and reset the connection. */
function reset({ port }: Server, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = nodeConnect(port, "127.0.0.1", () => socket.write(text, () => socket.resetAndDestroy()));
    socket.on("error", () => {}).on("close", () => resolve());
  });
}

const others = PROGRAMS.filter(({ model, language }) => model === "own server" || /^C/.test(language));
for (const { name, exact, absent, command } of others) {
  Deno.test({
    name: `${name}: ${absent ? `left out, ${absent}` : "serves polite clients, and outlives rude ones"}`,
    ignore: absent !== undefined,
    async fn() {
      const right = (answer: string) => {
        if (exact) return assertEquals(answer, RESPONSE_TEXT);
        assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
        assertMatch(answer, /\r\nConnection: close\r\n/i);
        assertMatch(answer, /\r\nContent-Length: 1\r\n/i);
        assertMatch(answer, /\r\n\r\nA$/);
      };
      await using server = await startServer(name, command(dir));
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
