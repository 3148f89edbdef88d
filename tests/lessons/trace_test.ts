/** `--trace` prints what happens: the same calls, in the same order, that strace sees. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { children } from "../support/proc.ts";
import { LESSONS, ROOT, succeeds } from "../support/runtimes.ts";
import { commandLine, type Server, start } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { waitFor } from "../support/wait.ts";

/** The name of a system call where strace and the man page of the C function differ. */
const C_NAMES: Record<string, string> = {
  clone: "fork",
  epoll_pwait: "epoll_wait",
  exit_group: "_exit",
  pselect6: "select",
  recvfrom: "recv",
  sendto: "send",
  wait4: "waitpid",
};
const CALLS =
  "socket,bind,listen,setsockopt,accept,recvfrom,sendto,shutdown,close,ioctl,clone,wait4,select,pselect6," +
  "epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,exit_group";

/** Who made which call, and its result. */
const traced = (server: Server) =>
  server.stdout.flatMap(readLine).map(({ who, text }) => ({ who, call: text }));
const until = (server: Server, call: RegExp) =>
  waitFor(`${call}`, () => traced(server).some((line) => call.test(line.call)));

/** End a server under strace, so that strace writes down all that it saw. */
async function stop(server: Server) {
  for (const pid of children(server.pid)) Deno.kill(pid, "SIGKILL");
  await server.status;
}

/** Calls that found nothing are folded into counts; the order of the others is compared. */
const foundNothing = (call: string) => /EAGAIN|ECHILD|^waitpid\(-1\) = 0/.test(call);

/** `recvfrom(5, "GET"…, 4096, 0, NULL, NULL) = 78` becomes `recv(5) = 78`. */
function fromStrace(line: string): string[] {
  const match = /^(\w+)\((-?\d+)?.*?\) += (-?\d+(?: E\w+)?|\?$)/.exec(line);
  if (!match) return [];
  const [, name, first = "", result] = match;
  const call = C_NAMES[name] ?? name;
  if (call === "_exit") return [`_exit(${first})`];
  return result === "?"
    ? []
    : [`${call}(${["socket", "fork", "select", "epoll_create1"].includes(call) ? "" : first}) = ${result}`];
}
const descriptor = (call: string) => /^\w+\((\d+)/.exec(call)?.[1];

const STRACEABLE = LESSONS.filter((lesson) => lesson !== "04-busy-poll");
each("--trace shows the calls that strace shows, in their order", STRACEABLE, async (lesson, runtime) => {
  const folder = await Deno.makeTempDir();
  try {
    const before = ["strace", "-ff", "-e", `trace=${CALLS}`, "-e", "signal=none", "-o", `${folder}/log`];
    await using server = await start(lesson, runtime, { args: ["--trace"], before });
    await until(server, /^(accept|select|epoll_wait)\(.*…$/);
    using conn = await connect(server);
    await sendAll(conn, REQUEST.slice(0, 10));
    await until(server, /^recv\(\d+\) = 10/);
    await sendAll(conn, REQUEST.slice(10));
    assertEquals(await readAll(conn), RESPONSE_TEXT);
    conn.close();
    await until(server, lesson === "01-fork" ? /^waitpid\(-1\) = [1-9]/ : /^close\(\d+\) = 0/);
    await stop(server);
    const logs = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
    const straced = logs.map((log) => Deno.readTextFileSync(log).split("\n").flatMap(fromStrace));

    // What stands behind the descriptor is told in other words by strace.
    const lines = traced(server).filter(({ call }) => !call.endsWith("…") && call !== "fork() = 0")
      .map(({ who, call }) => ({ who, call: call.replace(/^(\w+\(-?\d+),.*\)/, "$1)") }));
    for (const who of new Set(lines.map((line) => line.who))) {
      const all = lines.filter((line) => line.who === who).map(({ call }) => call);
      const mine = all.filter((call) => !foundNothing(call));
      const descriptors = new Set(mine.map(descriptor));
      // On these descriptors, from the first call on: before that, the runtime may have had files under these numbers.
      const theirs = straced.map((calls) => {
        const shown = calls.filter((call) =>
          !foundNothing(call) && (descriptor(call) ? descriptors.has(descriptor(call)) : mine.includes(call))
        );
        const first = shown.indexOf(mine[0]);
        return shown.slice(first, first + mine.length);
      });
      assert(mine.length > 2, `${who} has hardly any calls`);
      const same = theirs.some((calls) => calls.join() === mine.join());
      assert(
        same,
        `no thread made the calls of ${who}\n${mine.join("  ")}\n\n${
          theirs.map((calls) => calls.join("  ")).join("\n")
        }`,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, { ignore: !succeeds("strace", "-V") });

each("--trace counts as many EAGAINs as strace", ["04-busy-poll"], async (lesson, runtime) => {
  const log = await Deno.makeTempFile();
  try {
    const before = ["strace", "-f", "-e", "trace=accept,ioctl", "-e", "signal=none", "-o", log];
    await using server = await start(lesson, runtime, { args: ["--trace"], before });
    await until(server, /EAGAIN × [\d,]{4,}/);
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(server, /^close/);
    await stop(server);
    const straced = (await Deno.readTextFile(log)).split("\n");
    const accepted = straced.findIndex((line) => / accept\(.*\) += \d+$/.test(line));
    const refused = straced.slice(0, accepted).filter((line) => /accept\(.*EAGAIN/.test(line)).length;
    const lines = traced(server).map(({ call }) => call);
    const last = lines[lines.findIndex((call) => /^accept\(\d+\) = \d+$/.test(call)) - 1];
    assertMatch(last, /^accept\(\d+\) = -1 EAGAIN × /);
    assertEquals(Number(last.replace(/.* × /, "").replaceAll(",", "")), refused);
  } finally {
    await Deno.remove(log);
  }
}, { ignore: !succeeds("strace", "-V") });

each(
  "--trace tells how many select looked at, and whom epoll named",
  ["05-select", "06-epoll"],
  async (lesson, runtime) => {
    await using server = await start(lesson, runtime, { args: ["--trace"] });
    using _silent = await connect(server);
    await until(server, /^accept\(\d+\) = \d+/);
    assertEquals(await get(server), RESPONSE_TEXT);
    await until(server, /^close/);
    const received = server.stdout.findIndex((line) => /recv\(\d+\) = \d\d/.test(line));
    const fd = /recv\((\d+)\)/.exec(server.stdout[received])![1];
    const wake = server.stdout.slice(0, received).findLast((line) =>
      / (select|epoll_wait)\(\d*\) = /.test(line)
    )!;
    if (lesson === "05-select") assertMatch(wake, /looked at 3, 1 had something$/);
    else assertMatch(wake, new RegExp(`[ ,]${fd} IN$`));
    assertMatch(server.stdout[received], / GET \/ HTTP\/1\.1$/);
  },
);

once("--trace piped into head ends the server cleanly", async (runtime) => {
  const command = commandLine("04-busy-poll", runtime, { args: ["--port", "0", "--trace"] }).join(" ");
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${command} | head -n 4`],
    cwd: ROOT,
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
