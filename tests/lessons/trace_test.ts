/** `--trace` prints what happens: the same calls, in the same order, that strace sees. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { answer, connect, get, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { children, list, read } from "../support/proc.ts";
import { type Lesson, LESSONS, type Runtime, succeeds } from "../support/runtimes.ts";
import { commandLine, output, type Server, start } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { until } from "../support/wait.ts";

const CALLS =
  "socket,bind,listen,setsockopt,accept4,recvfrom,sendto,shutdown,close,ioctl,clone,clone3,wait4," +
  "select,pselect6,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,exit_group";
/** What the C function is called, where that is not the name of the system call. */
const C_NAMES = {
  recvfrom: "recv",
  sendto: "send",
  wait4: "waitpid",
  clone3: "clone",
  pselect6: "select",
  epoll_pwait: "epoll_wait",
  exit_group: "_exit",
};

const traced = (server: Server) => server.stdout.flatMap(readLine);
const shows = (server: Server, call: RegExp) =>
  until(() => traced(server).some(({ text }) => call.test(text)));

/** `recvfrom(5, "GET"…, 4096, 0, NULL, NULL) = 78` becomes `recv(5) = 78`. */
function fromStrace(line: string): string[] {
  const [, name, first = "", result] = /^(\w+)\((-?\d+)?.*?\) += (-?\d+(?: E\w+)?|\?$)/.exec(line) ?? [];
  if (!name) return [];
  const forks = name === "clone" && !line.includes("CLONE_THREAD");
  const call = forks ? "fork" : C_NAMES[name as keyof typeof C_NAMES] ?? name;
  if (result === "?") return call === "_exit" ? [`_exit(${first})`] : [];
  return [plain(`${call}(${first}) = ${result}`)];
}
/** Without what strace and `--trace` tell in other words: what stands behind the descriptor. */
const plain = (call: string) =>
  call.replace(/^(\w+\(-?\d+),.*?\) =/, "$1) =").replace(/^(select|socket|epoll_create1)\(.*\) =/, "$1() =");
const descriptor = (call: string) => /^\w+\((\d+)/.exec(call)?.[1] ?? "";
const made = (call: string) => /^(?:socket|accept4|epoll_create1)\(.* = (\d+)$/.exec(call)?.[1] ?? "none";
/** Calls that found nothing are folded into counts; the order of the others is compared. */
const foundSomething = (call: string) => !/EAGAIN|ECHILD|^waitpid\(-1\) = 0/.test(call);

/** Of what strace has: calls with these descriptors, or like these, but none on files of the runtime's before and after. */
function own(calls: readonly string[], mine: readonly string[]): string[] {
  const [closed, mentioned] = [new Set(calls.map(made)), new Set(mine.map(descriptor))];
  return calls.filter((call, i) => {
    const fd = descriptor(call);
    if (closed.has(fd)) return false;
    if (call.startsWith("close")) closed.add(fd);
    closed.delete(made(call));
    // `--trace` tells of options that are set together in one line.
    return (fd ? mentioned.has(fd) : mine.includes(call)) &&
      !(/^setsockopt/.test(call) && call === calls[i - 1]);
  });
}

/** Run a lesson with `--trace` under strace: what strace has of each thread, and the lines of `--trace`. */
async function both(lesson: Lesson, runtime: Runtime, talk: (server: Server) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const before = ["strace", "-ff", "-e", `trace=${CALLS}`, "-e", "signal=none", "-o", `${folder}/log`];
  await using server = await start(lesson, runtime, { args: ["--trace"], before });
  await talk(server);
  for (const pid of children(server.pid)) Deno.kill(pid, "SIGKILL"); // strace writes down all that it saw
  await server.status;
  const straced = list(folder).map((name) => read(`${folder}/${name}`).split("\n").flatMap(fromStrace));
  await Deno.remove(folder, { recursive: true });
  return { straced, lines: traced(server) };
}
const ignore = !succeeds("strace", "-V");

for (const lesson of LESSONS.filter((lesson) => lesson !== "04-busy-poll")) {
  const test = async (runtime: Runtime) => {
    const { straced, lines } = await both(lesson, runtime, async (server) => {
      await shows(server, /^(accept4|select|epoll_wait)\(.*…$/);
      using conn = await connect(server);
      await sendAll(conn, "GET / HTTP/1.1");
      await shows(server, /^recv\(\d+\) = 14/);
      assertEquals(await answer(conn, "\r\n\r\n"), RESPONSE_TEXT);
      conn.close();
      await shows(server, lesson === "01-fork" ? /^waitpid\(-1\) = [1-9]/ : /^close\(\d+\) = 0/);
    });
    const told = lines.filter(({ text }) => !/…$|^fork\(\) = 0$|^exit\(/.test(text));
    for (const who of new Set(told.map((line) => line.who))) {
      const mine = told.filter((line) => line.who === who).map(({ text }) => plain(text)).filter(
        foundSomething,
      );
      assert(mine.length > 2, `${who} has hardly any calls`);
      const theirs = straced.map((calls) => {
        const shown = own(calls.filter(foundSomething), mine);
        const first = shown.indexOf(mine[0]);
        return shown.slice(first, first + mine.length).join("  ");
      });
      const calls = mine.join("  ");
      assert(theirs.includes(calls), `not the calls of ${who}:\n${calls}\n\n${theirs.join("\n")}`);
    }
  };
  once("--trace shows the calls that strace shows, in their order", test, ignore, `${lesson} `);
}

once(
  "--trace counts as many EAGAINs as strace",
  async (runtime) => {
    const { straced, lines } = await both("04-busy-poll", runtime, async (server) => {
      await shows(server, /EAGAIN × [\d,]{4,}/);
      assertEquals(await get(server), RESPONSE_TEXT);
      await shows(server, /^close/);
    });
    const accepted = (call: string) => /^accept4\(\d+\) = \d+$/.test(call);
    const calls = straced.find((calls) => calls.some(accepted))!;
    const refused = calls.slice(0, calls.findIndex(accepted)).filter((call) =>
      /^accept4\(.*EAGAIN/.test(call)
    );
    const last = lines[lines.findIndex(({ text }) => accepted(text)) - 1];
    assertEquals([last.call, last.count], ["accept4", refused.length]);
  },
  ignore,
  "04-busy-poll ",
);

each(
  "--trace tells how many select looked at, and whom epoll named",
  ["05-select", "06-epoll"],
  async (server, lesson) => {
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
  },
  { args: ["--trace"] },
);

once("--trace piped into head ends the server cleanly", async (runtime) => {
  const command = commandLine("04-busy-poll", runtime, { args: ["--port", "0", "--trace"] }).join(" ");
  const { code, stderr } = await output(["bash", "-c", `set -o pipefail; ${command} | head -n 4`]);
  assertEquals([code, stderr], [0, ""]);
});
