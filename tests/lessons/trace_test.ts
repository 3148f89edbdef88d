/** `--trace` prints what happens: the same calls, in the same order, that strace sees. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { answer, connect, get, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { each, once } from "../support/declare.ts";
import { children } from "../support/proc.ts";
import { LESSONS, ROOT, succeeds } from "../support/runtimes.ts";
import { commandLine, type Server, start } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { until } from "../support/wait.ts";

/** The name of a system call where strace and the man page of the C function differ. */
const C_NAMES: Record<string, string> = { recvfrom: "recv", sendto: "send", wait4: "waitpid" };
Object.assign(C_NAMES, {
  exit_group: "_exit",
  clone3: "clone",
  pselect6: "select",
  epoll_pwait: "epoll_wait",
});
const CALLS =
  "socket,bind,listen,setsockopt,accept4,recvfrom,sendto,shutdown,close,ioctl,clone,clone3,wait4,select," +
  "pselect6,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,exit_group";

/** Who made which call, and its result, in the lines of `--trace`. */
const traced = (server: Server) =>
  server.stdout.flatMap(readLine).map(({ who, text }) => ({ who, call: text }));
const shows = (server: Server, call: RegExp) =>
  until(() => traced(server).some((line) => call.test(line.call)));

/** `recvfrom(5, "GET"…, 4096, 0, NULL, NULL) = 78` becomes `recv(5) = 78`. */
function fromStrace(line: string): string[] {
  const [, name, first = "", result] = /^(\w+)\((-?\d+)?.*?\) += (-?\d+(?: E\w+)?|\?$)/.exec(line) ?? [];
  if (!name) return [];
  const call = name === "clone" && !line.includes("CLONE_THREAD") ? "fork" : C_NAMES[name] ?? name;
  if (result === "?") return call === "_exit" ? [`_exit(${first})`] : [];
  return [plain(`${call}(${first}) = ${result}`)];
}
/** Without what strace and `--trace` tell in other words: what stands behind the descriptor. */
const plain = (call: string) =>
  call.replace(/^(\w+\(-?\d+),.*?\) =/, "$1) =").replace(/^(select|socket|epoll_create1)\(.*\) =/, "$1() =");
const descriptor = (call: string) => /^\w+\((\d+)/.exec(call)?.[1] ?? "";
const made = (call: string) => /^(?:socket|accept4|epoll_create1)\(.* = (\d+)$/.exec(call)?.[1] ?? "none";
/** Without calls on the runtime's files, which have the same numbers before and after the lesson has them. */
function own(calls: readonly string[]): string[] {
  const closed = new Set(calls.map(made));
  return calls.filter((call) => {
    if (closed.has(descriptor(call))) return false;
    if (call.startsWith("close")) closed.add(descriptor(call));
    closed.delete(made(call));
    return true;
  });
}
/** `--trace` tells of options that are set together in one line. */
const unrepeated = (call: string, i: number, all: string[]) =>
  !/^setsockopt/.test(call) || call !== all[i - 1];
/** Calls that found nothing are folded into counts; the order of the others is compared. */
const foundSomething = (call: string) => !/EAGAIN|ECHILD|^waitpid\(-1\) = 0/.test(call);

/** Run a lesson with `--trace` under strace: what strace has written, a file a thread, and what `--trace` has. */
async function both(
  lesson: typeof LESSONS[number],
  runtime: "deno" | "bun" | "node",
  talk: (server: Server) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  const before = ["strace", "-ff", "-e", `trace=${CALLS}`, "-e", "signal=none", "-o", `${folder}/log`];
  await using server = await start(lesson, runtime, { args: ["--trace"], before });
  await talk(server);
  for (const pid of children(server.pid)) Deno.kill(pid, "SIGKILL"); // strace writes down all that it saw
  await server.status;
  const files = [...Deno.readDirSync(folder)].map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`));
  await Deno.remove(folder, { recursive: true });
  return { straced: files.map((text) => text.split("\n").flatMap(fromStrace)), traced: traced(server) };
}
const ignore = !succeeds("strace", "-V");

for (const lesson of LESSONS.filter((lesson) => lesson !== "04-busy-poll")) {
  once(
    "--trace shows the calls that strace shows, in their order",
    async (runtime) => {
      const { straced, traced } = await both(lesson, runtime, async (server) => {
        await shows(server, /^(accept4|select|epoll_wait)\(.*…$/);
        using conn = await connect(server);
        await sendAll(conn, "GET / HTTP/1.1");
        await shows(server, /^recv\(\d+\) = 14/);
        assertEquals(await answer(conn, "\r\n\r\n"), RESPONSE_TEXT);
        conn.close();
        await shows(server, lesson === "01-fork" ? /^waitpid\(-1\) = [1-9]/ : /^close\(\d+\) = 0/);
      });
      const lines = traced.filter(({ call }) => !/…$|^fork\(\) = 0$|^exit\(/.test(call));
      for (const who of new Set(lines.map((line) => line.who))) {
        const mine = lines.filter((line) => line.who === who).map(({ call }) => plain(call)).filter(
          foundSomething,
        );
        const descriptors = new Set(mine.map(descriptor));
        const theirs = straced.map((calls) => {
          const shown = own(calls.filter(foundSomething)).filter((call) =>
            descriptor(call) ? descriptors.has(descriptor(call)) : mine.includes(call)
          ).filter(unrepeated);
          const first = shown.indexOf(mine[0]);
          return shown.slice(first, first + mine.length).join("  ");
        });
        assert(mine.length > 2, `${who} has hardly any calls`);
        assert(
          theirs.includes(mine.join("  ")),
          `not the calls of ${who}:\n${mine.join("  ")}\n\n${theirs.join("\n")}`,
        );
      }
    },
    ignore,
    `${lesson} `,
  );
}

once(
  "--trace counts as many EAGAINs as strace",
  async (runtime) => {
    const { straced, traced } = await both("04-busy-poll", runtime, async (server) => {
      await shows(server, /EAGAIN × [\d,]{4,}/);
      assertEquals(await get(server), RESPONSE_TEXT);
      await shows(server, /^close/);
    });
    const accepted = (call: string) => /^accept4\(\d+\) = \d+$/.test(call);
    const calls = straced.find((calls) => calls.some(accepted))!;
    const refused =
      calls.slice(0, calls.findIndex(accepted)).filter((call) => /^accept4\(.*EAGAIN/.test(call)).length;
    const last = traced[traced.findIndex(({ call }) => accepted(call)) - 1].call;
    assertMatch(last, /^accept4\(\d+\) = -1 EAGAIN × /);
    assertEquals(Number(last.replace(/.* × /, "").replaceAll(",", "")), refused);
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
    const received = server.stdout.findIndex((line) => /recv\(\d+\) = \d\d/.test(line));
    const [, fd] = /recv\((\d+)\)/.exec(server.stdout[received])!;
    const wake = server.stdout.slice(0, received).findLast((line) =>
      / (select|epoll_wait)\(.*?\) = /.test(line)
    )!;
    assertMatch(
      wake,
      lesson === "05-select" ? /looked at 3, 1 had something\b/ : new RegExp(`[ ,]${fd} IN\\b`),
    );
    assertMatch(server.stdout[received], / GET \/ HTTP\/1\.1/);
  },
  { args: ["--trace"] },
);

once("--trace piped into head ends the server cleanly", async (runtime) => {
  const command = commandLine("04-busy-poll", runtime, { args: ["--port", "0", "--trace"] }).join(" ");
  const args = ["-c", `set -o pipefail; ${command} | head -n 4`];
  const { code, stderr } = await new Deno.Command("bash", { args, cwd: ROOT }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
