/** Thousands of silent clients, and an ordinary one among them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  DESCRIPTOR_LIMIT,
  descriptors,
  each,
  get,
  hold,
  holdings,
  load,
  RESPONSE_TEXT,
  settled,
  start,
  waitFor,
} from "./harness.ts";

// While busy polling takes n connections in, one a turn, it asks n²/2 times: `deno task soak` has the patience for
// 10,000 of them.
const SILENT = { "04-busy-poll": 1_000, "05-select": 1_000, "06-epoll": 10_000 };
each("serves beside thousands of silent connections, and frees them", [
  "04-busy-poll",
  "05-select",
  "06-epoll",
], async (lesson, runtime) => {
  const count = SILENT[lesson as keyof typeof SILENT];
  await using server = await start(lesson, runtime, { before: ["prlimit", `--nofile=${count + 200}`] });
  assertEquals(await get(server), RESPONSE_TEXT);
  const before = await settled(server);
  {
    await using _silent = await hold(server.port, count);
    assertEquals(await load(server, 20, 1), []);
    assert(descriptors(server.pid) >= count);
  }
  await waitFor("the end of every connection", () => holdings(server).sockets <= before.sockets);
  assertEquals(await get(server), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
}, { ignore: DESCRIPTOR_LIMIT < 10_200 });

each("refuses descriptors from 1024 up", ["05-select"], async (lesson, runtime) => {
  await using server = await start(lesson, runtime, { before: ["prlimit", "--nofile=1200"] });
  await using _silent = await hold(server.port, 1100);
  await waitFor("the warning", () => server.stderr.length > 0);
  assertMatch(server.stderr[0], /^descriptor 1024 does not fit/);
  await waitFor("no further descriptor", () => descriptors(server.pid) <= 1024);
}, { ignore: DESCRIPTOR_LIMIT < 1_300 });
