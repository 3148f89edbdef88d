/** `--trace` prints what happens: the same calls, in the same order, that strace sees. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { answer, connect, get, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { children, list, read } from "../support/proc.ts";
import { LESSONS, succeeds } from "../support/runtimes.ts";
import { commandLine, output, type Server } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { until } from "../support/wait.ts";

const CALLS =
  "socket,bind,listen,setsockopt,accept4,recvfrom,sendto,shutdown,close,ioctl,clone,clone3,wait4," +
  "select,pselect6,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,exit_group";
/** What the C function is called, where that is not the name of the system call. */
const C_NAMES = "recvfrom=recv sendto=send wait4=waitpid clone3=clone pselect6=select " +
  "epoll_pwait=epoll_wait exit_group=_exit";

const traced = (server: Server) => server.stdout.flatMap(readLine);
const shows = (server: Server, call: RegExp) =>
  until(() => traced(server).some(({ text }) => call.test(text)));

/** `recvfrom(5<TCP:[…]>, "GET"…, 4096, 0, NULL, NULL) = 78` becomes `recv(5) = 78`; a call on a runtime's file is left out. */
function fromStrace(line: string): string[] {
  const [, name, first = "", result] = /^(\w+)\((-?\d+)?.*?\) += (-?\d+(?: E\w+)?|\?$)/.exec(line) ?? [];
  if (!name || /^\w+\(\d+<(?!TCP:|anon_inode:\[eventpoll)/.test(line)) return [];
  const forks = name === "clone" && !line.includes("CLONE_THREAD");
  const call = forks ? "fork" : RegExp(`${name}=(\\w+)`).exec(C_NAMES)?.[1] ?? name;
  if (result === "?") return call === "_exit" ? [`_exit(${first})`] : [];
  return [callOnly(`${call}(${first}) = ${result}`)];
}
/** Without what strace and `--trace` tell in other words: what stands behind the descriptor. */
const callOnly = (call: string) =>
  call.replace(/^(\w+\(-?\d+),.*?\) =/, "$1) =").replace(/^(select|socket|epoll_create1)\(.*\) =/, "$1() =");
const descriptor = (call: string) => /^\w+\((\d+)/.exec(call)?.[1] ?? "";
/** Calls that found nothing are folded into counts; the order of the others is compared. */
const foundSomething = (call: string) => !/EAGAIN|ECHILD|^waitpid\(-1\) = 0/.test(call);

const LOGS = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(LOGS, { recursive: true }));
const UNDER_STRACE = {
  before: ["strace", "-ff", "-yy", "-e", `trace=${CALLS}`, "-e", "signal=none", "-o", `${LOGS}/log`],
  args: ["--trace"],
  ignore: !succeeds("strace", "-V"),
};
/** End a server, and return what strace has of each of its threads. */
async function straced(server: Server): Promise<string[][]> {
  for (const pid of children(server.pid)) Deno.kill(pid, "SIGKILL"); // strace writes down all that it saw
  await server.status;
  return list(LOGS).map((name) => {
    const text = read(`${LOGS}/${name}`);
    Deno.removeSync(`${LOGS}/${name}`);
    return text.split("\n").flatMap(fromStrace);
  });
}

const OTHERS = LESSONS.filter((lesson) => lesson !== "04-busy-poll");
each("--trace shows the calls that strace shows, in their order", OTHERS, async (server, lesson) => {
  await shows(server, /^(accept4|select|epoll_wait)\(.*…$/);
  using conn = await connect(server);
  await sendAll(conn, "GET / HTTP/1.1");
  await shows(server, /^recv\(\d+\) = 14/);
  assertEquals(await answer(conn, "\r\n\r\n"), RESPONSE_TEXT);
  conn.close();
  await shows(server, lesson === "01-fork" ? /^waitpid\(-1\) = [1-9]/ : /^close\(\d+\) = 0/);
  const logs = await straced(server);
  const told = traced(server).filter(({ text }) => !/…$|^fork\(\) = 0$|^exit\(/.test(text));
  for (const who of new Set(told.map((line) => line.who))) {
    const all = told.filter((line) => line.who === who).map(({ text }) => callOnly(text));
    const mine = all.filter(foundSomething);
    assert(mine.length > 2, `${who} has hardly any calls`);
    const descriptors = new Set(mine.map(descriptor));
    const theirs = logs.map((calls) => {
      // `--trace` tells of options that are set together in one line.
      const shown = calls.filter(foundSomething).filter((call) =>
        descriptor(call) ? descriptors.has(descriptor(call)) : mine.includes(call)
      ).filter((call, i, all) => !call.startsWith("setsockopt") || call !== all[i - 1]);
      const first = shown.indexOf(mine[0]);
      return shown.slice(first, first + mine.length).join("  ");
    });
    const calls = mine.join("  ");
    assert(theirs.includes(calls), `not the calls of ${who}:\n${calls}\n\n${theirs.join("\n")}`);
  }
}, UNDER_STRACE);

each("--trace counts as many EAGAINs as strace", ["04-busy-poll"], async (server) => {
  await shows(server, /EAGAIN × [\d,]{4,}/);
  assertEquals(await get(server), RESPONSE_TEXT);
  await shows(server, /^close/);
  const accepted = (call: string) => /^accept4\(\d+\) = \d+$/.test(call);
  const calls = (await straced(server)).find((calls) => calls.some(accepted))!;
  const before = calls.slice(0, calls.findIndex(accepted));
  const refused = before.filter((call) => /^accept4\(.*EAGAIN/.test(call)).length;
  const lines = traced(server);
  const last = lines[lines.findIndex(({ text }) => accepted(text)) - 1];
  assertEquals([last.call, last.count], ["accept4", refused]);
}, UNDER_STRACE);

each("--trace tells what select and epoll found", ["05-select", "06-epoll"], async (server, lesson) => {
  using _silent = await silent(server, 1);
  await shows(server, /^accept4\(\d+\) = \d+/);
  assertEquals(await get(server), RESPONSE_TEXT);
  await shows(server, /^close/);
  const lines = traced(server);
  const received = lines.findIndex(({ text }) => /^recv\(\d+\) = \d\d/.test(text));
  assertMatch(lines[received].note, /^GET \/ HTTP\/1\.1/);
  const wake = lines.slice(0, received).findLast(({ text }) => /^(select|epoll_wait)\(.*? = /.test(text))!;
  const named = RegExp(`\\b${descriptor(lines[received].text)} IN\\b`);
  assertMatch(wake.note, lesson === "05-select" ? /looked at 3, 1 had something\b/ : named);
}, { args: ["--trace"] });

once("--trace piped into head ends the server cleanly", async (runtime) => {
  const command = commandLine("04-busy-poll", runtime, { args: ["--port", "0", "--trace"] }).join(" ");
  const { code, stderr } = await output(["bash", "-c", `set -o pipefail; ${command} | head -n 4`]);
  assertEquals([code, stderr], [0, ""]);
});
