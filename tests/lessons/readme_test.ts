/** README.md: its commands run, its links lead somewhere, its lines for a copy and what it says of the listings are true. */
import assert, { deepStrictEqual as assertEquals } from "node:assert/strict";
import { atLine, changed, written } from "../support/changed.ts";
import { connect, get, readAll, resetting, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { nextWaits, once, spins } from "../support/declare.ts";
import { alive, mainCall, resources } from "../support/proc.ts";
import { ROOT, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { output, type Server, start, startServer } from "../support/servers.ts";
import { connection, SOCK_NONBLOCK } from "../support/syscalls.ts";
import { until } from "../support/wait.ts";

const README = Deno.readTextFileSync(`${ROOT}README.md`);
/** The blocks of code in a language. */
const codeIn = (language: string) =>
  [...README.matchAll(RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(([, text]) => text);
const spans = [...README.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
const lines = [...codeIn("sh").join("").split("\n"), ...spans].map((line) => line.replace(/ +# .*/, ""));
const COMMAND = /^(npx|node|bun|deno|diff|strace|curl) (?!.*(…|mine\.ts))/;

/** Whether a command does something: a lesson answers, a task is there, others print. */
async function works(words: string[]): Promise<boolean> {
  if (words[0] !== "diff" && words.at(-1)!.startsWith("lessons/")) {
    await using server = await startServer(words.join(" "), [...words, "--port", "0"]);
    return await get(server) === RESPONSE_TEXT;
  }
  if (words[1] === "task") return words[2] in JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).tasks;
  await using server = await start("06-epoll", "deno");
  return (await output(words.map((word) => word.replace("9696", `${server.port}`)))).stdout !== "";
}
for (const command of new Set(lines.filter((line) => COMMAND.test(line)))) {
  const words = command.replace(/^npx( -y| -p \S+)* /, "").split(" "); // what npx fetches is here already
  const ignore = RUNTIMES.length < 3 || !succeeds(words[0], "--version");
  Deno.test({ name: `README.md: ${command}`, ignore, fn: async () => assert(await works(words)) });
}

Deno.test("the links of the READMEs lead somewhere", () => {
  for (const file of ["README.md", "lessons/README.md", "lessons/README.zh.md"]) {
    const folder = file.replace(/[^/]*$/, "");
    const links = Deno.readTextFileSync(ROOT + file).matchAll(/\]\(([^:)#?]*)(?:\?lang=zh)?#?([^)]*)\)/g);
    for (const [, path, anchor] of links) {
      const target = ROOT + folder + path;
      const text = Deno.statSync(target).isFile ? Deno.readTextFileSync(target) : "";
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.replaceAll(" ", "-"));
      if (path.endsWith(".html")) continue; // its anchors are steps, which the page's own tests look for
      assert(!anchor || headings.some((heading) => heading.toLowerCase() === anchor), `${path}#${anchor}`);
    }
  }
});

once("the lines that the README offers for a copy", async (runtime) => {
  const [imported, logs, answers, ...serves] = codeIn("ts")[0].trimEnd().split("\n");
  const script = await changed(
    "02-thread",
    atLine("import { RESPONSE }", imported),
    atLine("if (request) conn.send", `if (request) {\n${logs}\n${answers}\n}`),
    atLine("const server =", serves.join("\n")),
  );
  assert(succeeds(Deno.execPath(), "check", "-q", "--config", `${ROOT}deno.json`, script));
  await using server = await start("02-thread", runtime, { script });
  assertEquals((await get(server)).split("\r\n")[0], "HTTP/1.1 404 Not Found");
});

/**
 * The rows of its table of faults: the program of tests/peers/python, what is mended there or in common.py, as the
 * listing has it; the proof.
 */
const FAULTS = `
half a request is answered           | 02_thread      | request = recv_request(conn)  | request = conn.recv(4096)      | answersHalf
no thread can be made, the exception | 02_thread      | RuntimeError                  | KeyError                       | endsOfSilence
each reset connection ends a thread  | 03_thread_pool | except OSError:  # the client | except KeyError:  # the client | endsOfResets
one silent client puts it to sleep   | 04_busy_poll   | conn.setblocking(False)       | pass                           | sleeps
reset connection is never closed     | 04_busy_poll   | if not data:  # the client    | if data is None:  # the client | keepsResets
one reset                            | 06_epoll       | closed = True  # the client   | raise  # the client            | endsOfResets
that leaves before its empty line    | 06_epoll       | closed = not data             | closed = False                 | spins
`.trim().split("\n").map((row) => row.split(" | ").map((cell) => cell.trim()));

/** What each shows. A server may end while a client connects, so those of the C library are taken then, which don't mind. */
const PROOFS: Record<string, (server: Server) => Promise<unknown>> = {
  spins,
  endsOfSilence: ({ port, pid }) => until(() => connection(port, SOCK_NONBLOCK) && !alive(pid)),
  endsOfResets: (server) => until(() => (resetting(server, "GET / ")(), !alive(server.pid))),
  keepsResets: (server) => until(() => (resetting(server, "GET / ")(), resources(server).sockets > 10)),
  sleeps: nextWaits(1, (server) => mainCall(server) === "recv"),
  async answersHalf(server) {
    using conn = await connect(server);
    await sendAll(conn, "GET / ");
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  },
};
const table = README.split(/^\| listing .*\n.*\n/m)[1].split("\n\n")[0];
for (const [i, says] of table.split("\n").map((row) => row.split("|")[2].trim()).entries()) {
  const fn = async () => {
    const [words, file, mended, listing, proof] = FAULTS[i];
    assert(says.includes(words), `row ${i} of the table is another one: ${says}`);
    const source = (name: string) =>
      Deno.readTextFileSync(`${ROOT}tests/peers/python/${name}.py`).replace(mended, listing);
    const script = await written({ "listing.py": source(file), "common.py": source("common") });
    const limited = ["sh", "-c", 'ulimit -v 400000; exec "$@"', "sh"]; // of addresses, which threads run out of
    await using server = await startServer(file, [...limited, "python3", script]);
    await PROOFS[proof](server);
  };
  Deno.test({ name: `README.md: a listing's fault, ${says}`, ignore: !succeeds("python3", "--version"), fn });
}
