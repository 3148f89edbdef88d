/** README.md: its commands run, its links lead somewhere, its snippets and what it says of the article's listings are true. */
import { assert, assertEquals } from "@std/assert";
import { atLine, changed, replace } from "../support/changed.ts";
import { connect, get, readAll, resettable, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { once } from "../support/declare.ts";
import { cpuTicks, resources, sleepsIn, unread } from "../support/proc.ts";
import { COMMANDS, ROOT, type Runtime, RUNTIMES, succeeds } from "../support/runtimes.ts";
import { ended, type Server, start, startServer } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const README = Deno.readTextFileSync(`${ROOT}README.md`);
const TASKS = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).tasks;
const blocks = (language: string) =>
  [...README.matchAll(RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(([, text]) => text);

const spans = [...README.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
const commands = [...blocks("sh").join("").split("\n"), ...spans].map((line) => line.replace(/ +# .*/, ""))
  .filter((line) => /^(npx|node|bun|deno|diff|strace|curl) [^-…]/.test(line) && !/[…]|mine\.ts/.test(line));
for (const command of new Set(commands)) {
  Deno.test({
    name: `README.md: ${command}`,
    async fn() {
      const [, runtime, script] = /(?:^|.* )(node|bun|deno run -A) (lessons\/\S+)$/.exec(command) ?? [];
      const [, task] = /deno task (\w+)/.exec(command) ?? [];
      const [, first, second] = /^diff (\S+) (\S+)$/.exec(command) ?? [];
      if (script) {
        const words = COMMANDS[runtime.split(" ")[0] as Runtime];
        await using server = await startServer(command, [...words, `${ROOT}${script}`, "--port", "0"]);
        assertEquals(await get(server), RESPONSE_TEXT);
      } else if (task) assert(TASKS[task], "no such task");
      else if (first) { for (const file of [first, second]) Deno.statSync(ROOT + file); }
      else if (command.startsWith("curl")) {
        await using server = await start("06-epoll", "deno");
        assert(
          succeeds(
            "curl",
            ...command.split(" ").slice(1).map((word) => word.replace("9696", `${server.port}`)),
          ),
        );
      } else Deno.statSync(ROOT + /\S+\.ts/.exec(command)![0]);
    },
    ignore: RUNTIMES.length < 3 || (command.startsWith("curl") && !succeeds("curl", "--version")),
  });
}

Deno.test("the links of the READMEs lead somewhere", () => {
  for (const file of ["README.md", "lessons/README.md", "lessons/README.zh.md"]) {
    const folder = file.replace(/[^/]*$/, "");
    for (
      const [, path, anchor] of Deno.readTextFileSync(ROOT + file).matchAll(
        /\]\(([^:)#?]*)(?:\?lang=zh)?#?([^)]*)\)/g,
      )
    ) {
      if (path.endsWith(".html")) { // a step, by its name: the page's own tests look for it
        Deno.statSync(ROOT + folder + path);
        continue;
      }
      const text = Deno.statSync(ROOT + folder + path).isFile
        ? Deno.readTextFileSync(ROOT + folder + path)
        : "";
      const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
        heading.toLowerCase().replaceAll(" ", "-")
      );
      assert(!anchor || anchors.includes(anchor.toLowerCase()), `${path}#${anchor}`);
    }
  }
});

once("the lines that the README offers for a copy", async (runtime) => {
  const lines = blocks("ts")[0].trim().split("\n");
  const script = await changed(
    "02-thread",
    atLine(
      "if (request) conn.send",
      `if (request) {\n${lines.filter((line) => line.startsWith("conn")).join("\n")}\n}`,
    ),
    atLine("const server =", lines.filter((line) => line.startsWith("const")).join("\n")),
    replace(
      `import { RESPONSE }`,
      `import { IPPROTO_TCP, TCP_NODELAY } from "../shared/socket.ts";\nimport { response }`,
    ),
    replace("recvRequest(conn);", "recvRequest(conn)!;"),
  );
  assert(succeeds(Deno.execPath(), "check", "-q", "--config", `${ROOT}deno.json`, script));
  await using server = await start("02-thread", runtime, { script });
  assertEquals((await get(server)).split("\r\n")[0], "HTTP/1.1 404 Not Found");
});

const half = "GET / HTTP/1.1\r\n";
async function resets(server: Server, count: number) {
  for (let i = 0; i < count; i++) {
    const conn = resettable(server);
    conn.send(half);
    await until(() => resources(server).sockets > 1);
    conn.close();
  }
}
/** The rows of its table of faults: what it says, the program of tests/peers/python, how the listing has it, the proof. */
const FAULTS: [
  says: RegExp,
  file: string,
  mended: string,
  listing: string,
  proof: (server: Server) => Promise<unknown>,
][] = [
  [/half a request is answered/, "02_thread", "recv_request(conn)", "conn.recv(4096)", async (server) => {
    using conn = await connect(server);
    await sendAll(conn, half);
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  }],
  [/no thread can be made, the exception ends/, "02_thread", "RuntimeError", "KeyError", async (server) => {
    using _silent = await silent(server, 100);
    await ended(server);
  }],
  [
    /each reset connection ends a thread/,
    "03_thread_pool",
    "except OSError",
    "except KeyError",
    async (server) => {
      await resets(server, 4);
      await ended(server);
    },
  ],
  [
    /one silent client puts it to sleep/,
    "04_busy_poll",
    "conn.setblocking(False)",
    "pass",
    async (server) => {
      using one = await silent(server, 1);
      await sleepsIn(server, "recv");
      const other = get(server);
      await unread(server);
      await sleepsIn(server, "recv");
      one[0].close();
      await other;
    },
  ],
  [
    /reset connection is never closed/,
    "04_busy_poll",
    `        if not data:  # the client has closed`,
    `        if data is None:`,
    async (server) => {
      await resets(server, 3);
      await until(() => resources(server).sockets === 4);
    },
  ],
  [/one reset.* ends it/, "06_epoll", "except OSError", "except KeyError", async (server) => {
    await resets(server, 1);
    await ended(server);
  }],
  [
    /leaves before its empty line.* 100 %/,
    "06_epoll",
    "closed = not data",
    "closed = False",
    async (server) => {
      const before = cpuTicks(server.pid);
      (await connect(server)).close();
      await until(() => cpuTicks(server.pid) > before + 30);
    },
  ],
];
const rows = README.split(/^\| listing .*\n.*\n/m)[1].split("\n\n")[0].split("\n").map((row) =>
  row.split("|")
);
for (const [i, [, , says, mendedBy]] of rows.entries()) {
  const ignore = !succeeds("python3", "--version");
  Deno.test({
    name: `README.md: a listing's fault, ${says.trim()}`,
    ignore,
    async fn() {
      const [pattern, file, mended, listing, proof] = FAULTS[i];
      assert(pattern.test(says), `row ${i} of the table is another one: ${says}, mended by ${mendedBy}`);
      const folder = await Deno.makeTempDir();
      for (const { name } of Deno.readDirSync(`${ROOT}tests/peers/python`)) {
        const source = await Deno.readTextFile(`${ROOT}tests/peers/python/${name}`);
        await Deno.writeTextFile(
          `${folder}/${name}`,
          name === `${file}.py` ? replace(mended, listing)(source) : source,
        );
      }
      const limited = ["sh", "-c", 'ulimit -v 400000; exec "$@"', "sh"]; // of addresses, which threads run out of
      await using server = await startServer(file, [...limited, "python3", `${folder}/${file}.py`, "0"]);
      await proof(server);
      await Deno.remove(folder, { recursive: true });
    },
  });
}
