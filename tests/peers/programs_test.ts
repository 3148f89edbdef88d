/** What the lessons are measured against serves: a program that fails some of its clients is no measure. */
import { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { connect, readAll, REQUEST, resetting, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { answersAll } from "../support/load.ts";
import { startServer } from "../support/servers.ts";
import { PROGRAMS, RUNTIME } from "./programs.ts";

const OK =
  /^HTTP\/1\.1 200 OK(?=[^]*\r\nConnection: close\r\n)(?=[^]*\r\nContent-Length: 1\r\n)[^]*\r\n\r\nA$/i;

const others = PROGRAMS.filter(({ model, language }) => model === "own server" || !RUNTIME[language]);
for (const { name, model, here, command } of others) {
  Deno.test({
    name: `${name}: ${here ? "serves polite clients, and outlives rude ones" : "is not here"}`,
    ignore: !here,
    async fn() {
      await using server = await startServer(name, command);
      using slow = await connect(server);
      slow.setNoDelay(true);
      for (const byte of REQUEST) await sendAll(slow, byte);
      const answer = await readAll(slow);
      if (model === "own server") assertMatch(answer, OK);
      else assertEquals(answer, RESPONSE_TEXT);

      // More of them than 03 has threads.
      for (let i = 0; i < 5; i++) {
        for (const part of ["", REQUEST.slice(0, 10), REQUEST]) resetting(server, part)();
      }
      await answersAll(server, 200, 10);
      assertEquals(server.stderr, []);
    },
  });
}
