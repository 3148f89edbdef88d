/** Scarce descriptors, processes and threads, calls that the network fails, stops: every lesson goes on serving. */
import assert, { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { get, readAll, REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { BY_ONE, each, once } from "../support/declare.ts";
import { answersAll } from "../support/load.ts";
import { alive, children, DESCRIPTOR_LIMIT, resources } from "../support/proc.ts";
import { settled, stat, threadSeconds } from "../support/proc.ts";
import { LESSONS, succeeds } from "../support/runtimes.ts";
import { descriptorsAtMost, says, type Server, start } from "../support/servers.ts";
import { pause, until } from "../support/wait.ts";

const answersAgain = (server: Server) =>
  until(() => get(server).then((text) => text === RESPONSE_TEXT, () => false));

each("out of descriptors, it waits, and serves again afterwards", LESSONS, async (server, lesson) => {
  const started = performance.now();
  { // In 02 each takes some, and the end of each takes its time.
    using _silent = await silent(server, lesson === "01-fork" || lesson === "02-thread" ? 30 : 70);
    if (lesson === "02-thread") await says(server, /^can't start new thread: /);
    else if (BY_ONE.includes(lesson)) await says(server, /^accept: EMFILE: /);
    const before = threadSeconds(server.pid);
    await pause(500);
    assert(!BY_ONE.includes(lesson) || threadSeconds(server.pid) - before < 0.05, "it spins");
  }
  await answersAgain(server);
  await answersAll(server, 20, 4);
  const seconds = (performance.now() - started) / 1000;
  assert(server.stderr.length <= seconds + 1, `${server.stderr.length} lines in ${seconds} s`);
}, { before: descriptorsAtMost(64) });

// While busy polling takes n connections in, one a turn, it asks n²/2 times. And select has room for 1,024 descriptors,
// of which Node.js has some dozens for itself.
each("serves beside silent connections, and frees them", BY_ONE, async (server, lesson) => {
  const [before, count] = [await settled(server), lesson === "06-epoll" ? 10_000 : 950];
  {
    using _silent = await silent(server, count);
    await answersAll(server, 20);
    assert(resources(server).sockets > count);
  }
  await until(() => resources(server).sockets <= before.sockets);
  assertEquals([await get(server), server.stderr], [RESPONSE_TEXT, []]);
}, { ignore: DESCRIPTOR_LIMIT < 10_200 });

each("refuses descriptors from 1024 up", ["05-select"], async (server) => {
  using _silent = await silent(server, 1100);
  await says(server, /^descriptor 1024 does not fit/);
  await until(() => resources(server).descriptors <= 1024);
}, { before: descriptorsAtMost(1200), ignore: DESCRIPTOR_LIMIT < 1_300 });

/** For `before`: a server whose user may have so many processes and threads. */
function processesAtMost(count: number): string[] {
  // A new user namespace counts an ordinary user's processes from nothing. Root's are never counted, so become a user
  // whom nobody is, but who may read our files.
  const [id, caps] = [60_000 + Math.floor(Math.random() * 1_000_000), "+dac_override,+sys_ptrace"];
  const root = `setpriv --reuid=${id} --regid=${id} --clear-groups --inh-caps=${caps} --ambient-caps=${caps}`;
  return `${Deno.uid() === 0 ? root : "unshare --user"} prlimit --nproc=${count}`.split(" ");
}
/** Fewer than 20 leave Deno no room for a thread; Bun and Node.js can't even start then. */
const LIMITS = { deno: [13, 14, 15, 16, 17, 18, 19, 24], bun: [24], node: [24] };
const [program, ...args] = processesAtMost(24);
const ignore = !succeeds(program, ...args, "true");
for (const [lesson, made] of [["01-fork", "process"], ["02-thread", "thread"]] as const) {
  once(`where no new ${made} can be made, ${lesson} says so and goes on`, async (runtime) => {
    const counts = lesson === "01-fork" ? [24] : LIMITS[runtime];
    await Promise.all(counts.map(async (count) => {
      await using server = await start(lesson, runtime, { before: processesAtMost(count) });
      {
        using _silent = await silent(server, 30);
        await says(server, /./);
      }
      if (count === 24) await answersAgain(server);
      assert(alive(server.pid), server.stderr.join("\n"));
      for (const line of server.stderr) assertMatch(line, RegExp(`^can't start new ${made}`));
    }));
  }, ignore);
}

each("an error of the network is no reason to end", ["03-thread-pool", "06-epoll"], async (server) => {
  for (let i = 0; i < 6; i++) assertEquals(await get(server), RESPONSE_TEXT);
  await says(server, /^(accept: EPROTO: new clients wait.*\s?)+$/);
}, {
  before: "strace -fqqo /dev/null -e trace=/accept -e inject=/accept:error=EPROTO:when=2".split(" "),
  ignore: !succeeds("strace", "-V"),
});

each("beside a silent client, stopped and continued, it goes on", LESSONS, async (server, lesson) => {
  using clients = await silent(server, 1);
  assertEquals(await get(server), RESPONSE_TEXT);
  if (lesson === "01-fork") await until(() => children(server.pid).length === 1);
  const family = [server.pid, ...children(server.pid)];
  for (let i = 0; i < 3; i++) {
    for (const pid of family) Deno.kill(pid, "SIGSTOP");
    await until(() => stat(server.pid)[0] === "T");
    for (const pid of family) Deno.kill(pid, "SIGCONT");
    assertEquals(await get(server), RESPONSE_TEXT);
  }
  await sendAll(clients[0], REQUEST); // it was served late, but it is served
  assertEquals(await readAll(clients[0]), RESPONSE_TEXT);
  assertEquals(server.stderr, []);
});
