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

const OK =
  /^HTTP\/1\.1 200 OK(?=[^]*\r\nConnection: close\r\n)(?=[^]*\r\nContent-Length: 1\r\n)[^]*\r\n\r\nA$/i;

const others = PROGRAMS.filter(({ model, runtime }) => model === "own server" || !runtime);
for (const { name, exact, here, command } of others) {
  Deno.test({
    name: `${name}: ${here ? "serves polite clients, and outlives rude ones" : "is not here"}`,
    ignore: !here,
    async fn() {
      const right = (answer: string) => exact ? assertEquals(answer, RESPONSE_TEXT) : assertMatch(answer, OK);
      await using server = await startServer(name, command(dir));
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
      const client = async () => {
        for (let i = 0; i < 20; i++) right(await get(server));
      };
      await Promise.all(Array.from({ length: 10 }, client));
      assertEquals(server.stderr, []);
    },
  });
}
