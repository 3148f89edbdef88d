/** Thousands of silent clients, and an ordinary one among them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { get, hold, load, RESPONSE_TEXT } from "../support/clients.ts";
import { DESCRIPTOR_LIMIT, descriptors, holdings, settled } from "../support/proc.ts";
import { descriptorsAtMost, start } from "../support/servers.ts";
import { waitFor } from "../support/wait.ts";
import { each } from "./each.ts";

// While busy polling takes n connections in, one a turn, it asks n²/2 times: `deno task soak` has the patience for
// 10,000 of them. And Node.js has some dozens of the 1,024 descriptors for itself.
const SILENT = { "04-busy-poll": 1_000, "05-select": 950, "06-epoll": 10_000 };
each("serves beside thousands of silent connections, and frees them", [
  "04-busy-poll",
  "05-select",
  "06-epoll",
], async (lesson, runtime) => {
  const count = SILENT[lesson as keyof typeof SILENT];
  await using server = await start(lesson, runtime);
  assertEquals(await get(server), RESPONSE_TEXT);
  const before = await settled(server);
  {
    await using _silent = await hold(server, count);
    assertEquals(await load(server, 20, 1), []);
    assert(descriptors(server.pid) >= count);
  }
  await waitFor("the end of every connection", () => holdings(server).sockets <= before.sockets);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
}, { ignore: DESCRIPTOR_LIMIT < 10_200 });

each("refuses descriptors from 1024 up", ["05-select"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: descriptorsAtMost(1200) });
  await using _silent = await hold(server, 1100);
  await waitFor("the warning", () => server.stderr.length > 0);
  assertMatch(server.stderr[0], /^descriptor 1024 does not fit/);
  await waitFor("no further descriptor", () => descriptors(server.pid) <= 1024);
}, { ignore: DESCRIPTOR_LIMIT < 1_300 });
