/** README.md: its commands run, its links lead somewhere, its lines for a copy and what it says of the listings are true. */
import { assert, assertEquals } from "@std/assert";
import { atLine, changed, replace } from "../support/changed.ts";
import { connect, get, readAll, resettable, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { once } from "../support/declare.ts";
import { alive, cpuTicks, resources, sleepsIn, unread } from "../support/proc.ts";
import { COMMANDS, ROOT, type Runtime, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { type Server, start, startServer } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const README = Deno.readTextFileSync(`${ROOT}README.md`);
/** The blocks of code in a language. */
const blocks = (language: string) =>
  [...README.matchAll(RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(([, text]) => text);
const spans = [...README.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
const COMMAND = /^(npx|node|bun|deno|diff|strace|curl) [^-…](?!.*(…|mine\.ts))/;
const lines = [...blocks("sh").join("").split("\n"), ...spans].map((line) => line.replace(/ +# .*/, ""));

/** Whether what a command does can be done, with the runtimes of the tests in the place of npx. */
async function works(command: string): Promise<unknown> {
  const [, runtime, script] = /(?:^|.* )(node|bun|deno run -A) (lessons\/\S+)$/.exec(command) ?? [];
  const [, task] = /deno task (\w+)/.exec(command) ?? [];
  if (script) {
    const words = COMMANDS[runtime.split(" ")[0] as Runtime];
    await using server = await startServer(command, [...words, `${ROOT}${script}`, "--port", "0"]);
    return await get(server) === RESPONSE_TEXT;
  }
  if (command.startsWith("curl")) {
    await using server = await start("06-epoll", "deno");
    const [program, ...args] = command.replace("9696", `${server.port}`).split(" ");
    return succeeds(program, ...args);
  }
  if (task) return JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).tasks[task];
  return command.match(/\S+\.ts/g)!.every((path) => Deno.statSync(ROOT + path).isFile);
}
for (const command of new Set(lines.filter((line) => COMMAND.test(line)))) {
  const ignore = RUNTIMES.length < 3 || (command.startsWith("curl") && !succeeds("curl", "--version"));
  Deno.test({ name: `README.md: ${command}`, ignore, fn: async () => assert(await works(command)) });
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
  const offered = (word: string) =>
    blocks("ts")[0].split("\n").filter((line) => line.startsWith(word)).join("\n");
  const names = 'import { IPPROTO_TCP, TCP_NODELAY } from "../shared/socket.ts";\n';
  const script = await changed(
    "02-thread",
    atLine("if (request) conn.send", `if (request) {\n${offered("con")}\n}`.replace(offered("const"), "")),
    atLine("const server =", offered("const")),
    replace(`import { RESPONSE }`, `${names}import { response }`),
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
half a request is answered           | 02_thread      | request = recv_request(conn)  | request = conn.recv(4096)      | answers half
no thread can be made, the exception | 02_thread      | RuntimeError                  | KeyError                       | ends of silent
each reset connection ends a thread  | 03_thread_pool | except OSError:  # the client | except KeyError:  # the client | ends of resets
one silent client puts it to sleep   | 04_busy_poll   | conn.setblocking(False)       | pass                           | sleeps in recv
reset connection is never closed     | 04_busy_poll   | if not data:  # the client    | if data is None:  # the client | keeps resets
one reset                            | 06_epoll       | except OSError                | except KeyError                | ends of resets
that leaves before its empty line    | 06_epoll       | closed = not data             | closed = False                 | spins
`.trim().split("\n").map((row) => row.split(" | ").map((cell) => cell.trim()));

async function shows(server: Server, proof: string): Promise<void> {
  const reset = () => {
    const conn = resettable(server);
    conn.send("GET / ");
    conn.close();
  };
  if (proof === "ends of resets") await until(() => (reset(), !alive(server.pid)));
  else if (proof === "ends of silent") {
    const clients: Deno.TcpConn[] = [];
    // One after the other, since it may end while one connects.
    await until(() =>
      connect(server).then((conn) => clients.push(conn), () => {}).then(() => !alive(server.pid))
    );
    for (const conn of clients) conn.close();
  } else if (proof === "keeps resets") await until(() => (reset(), resources(server).sockets > 10));
  else if (proof === "answers half") {
    using conn = await connect(server);
    await sendAll(conn, "GET / ");
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  } else if (proof === "spins") {
    const before = cpuTicks(server.pid);
    (await connect(server)).close();
    await until(() => cpuTicks(server.pid) > before + 30);
  } else {
    using one = await silent(server, 1);
    await sleepsIn(server, "recv");
    const other = get(server);
    await unread(server);
    await sleepsIn(server, "recv");
    one[0].close();
    await other;
  }
}
const rows = README.split(/^\| listing .*\n.*\n/m)[1].split("\n\n")[0].split("\n").map((row) =>
  row.split("|")[2]
);
for (const [i, says] of rows.entries()) {
  const ignore = !succeeds("python3", "--version");
  Deno.test({
    name: `README.md: a listing's fault, ${says.trim()}`,
    ignore,
    fn: async () => {
      const [words, file, mended, listing, proof] = FAULTS[i];
      assert(says.includes(words), `row ${i} of the table is another one: ${says}`);
      const folder = await Deno.makeTempDir();
      const [own, common] = [file, "common"].map((name) =>
        Deno.readTextFileSync(`${ROOT}tests/peers/python/${name}.py`)
      );
      const mend = replace(mended, listing);
      const inOwn = own.includes(mended);
      await Deno.writeTextFile(`${folder}/${file}.py`, inOwn ? mend(own) : own);
      await Deno.writeTextFile(`${folder}/common.py`, inOwn ? common : mend(common));
      const limited = ["sh", "-c", 'ulimit -v 400000; exec "$@"', "sh"]; // of addresses, which threads run out of
      await using server = await startServer(file, [...limited, "python3", `${folder}/${file}.py`]);
      await shows(server, proof);
      await Deno.remove(folder, { recursive: true });
    },
  });
}
