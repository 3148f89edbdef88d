/** "Break it" (lessons/README.md): what can be done to all six, and whether the text is right in itself. */
import { assertEquals, assertMatch } from "@std/assert";
import { atLine, type Change, replace, written } from "../support/changed.ts";
import { ask, connect, get, readAll, REQUEST, RESPONSE_TEXT, sendAll, silent } from "../support/clients.ts";
import { BY_MANY, BY_ONE, experimentsOf } from "../support/declare.ts";
import { changedBy, experiments, itemsIn } from "../support/experiments.ts";
import { ROOT } from "../support/runtimes.ts";
import { ended, output, says } from "../support/servers.ts";
import { until } from "../support/wait.ts";

/** The sleep says when it begins and ends, and takes so many ms. */
const told = (ms: number): Change[] => [
  replace("0, 0, 1000)", `0, 0, ${ms})`),
  atLine("Atomics.wait(", `console.log("begin");\n…\nconsole.log("end");`),
];

experimentsOf("In all six", (experiment) => {
  experiment("Sleep in the handler", async (server) => {
    using clients = await silent(server, 4);
    for (const conn of clients) await sendAll(conn, REQUEST);
    // Four sleep at the same time, so together they take as long as one.
    await until(() => server.stdout.length === 2 + 4);
    assertEquals(server.stdout.slice(2), ["begin", "begin", "begin", "begin"]);
  }, { lessons: BY_MANY, more: told(600_000) });

  experiment("Sleep in the handler", async (server) => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => get(server)));
    assertEquals(answers, Array(4).fill(RESPONSE_TEXT));
    await until(() => server.stdout.length === 2 + 8);
    assertEquals(server.stdout.slice(2), Array(4).fill(["begin", "end"]).flat()); // one after the other
  }, { lessons: BY_ONE, more: told(50) });

  experiment("Let the handler fail", async (server, lesson) => {
    assertEquals(await ask(server, "/oops"), "");
    const who = { "01-fork": "child \\d+: ", "02-thread": "thread 1: " }[lesson as string];
    await says(server, RegExp(`${who ? `^${who}` : ""}[^]*error: oops\n[^]*mine\\.ts:\\d+`, "i")); // Bun writes it small
    if (who) assertEquals(await get(server), RESPONSE_TEXT);
    else assertEquals(await ended(server), 1);
    if (lesson === "03-thread-pool") assertEquals(server.stderr.at(-1), "a thread of the pool has ended");
  });

  experiment("Log who came", async (server) => {
    using conn = await connect(server);
    await sendAll(conn, "GET / HTTP/1.1\r\nX: y\r\n\r\n");
    await until(() => server.stdout.includes("X: y\r"));
    const came = RegExp(`127\\.0\\.0\\.1\\D+\\b${conn.localAddr.port}\\b[^]*GET /`);
    assertMatch(server.stdout.slice(2).join("\n"), came);
    assertEquals(await readAll(conn), RESPONSE_TEXT);
  });

  experiment("Answer by path", async (server) => {
    const path = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 8\r\n\r\n/grüße";
    assertEquals(await ask(server, "/grüße"), path);
  });

  experiment("Say something on Ctrl-C", async (server) => {
    assertEquals(await get(server), RESPONSE_TEXT);
    server.kill("SIGINT");
    assertEquals(await ended(server), 0);
    assertMatch(server.stdout.at(-1)!, /^[\d.]+ s of CPU time in [\d.]+ s$/);
    assertEquals(server.stderr, []);
  });
});

Deno.test("every experiment passes deno check", async () => {
  const sources = [...experiments].flatMap(([name, item]) =>
    item.lessons.map((lesson) => [`${name} in ${lesson}.ts`, changedBy(item, lesson)])
  );
  const folder = (await written(Object.fromEntries(sources))).replace(/[^/]*$/, "");
  const config = `--config=${ROOT}deno.json`;
  const { code, stderr } = await output([Deno.execPath(), "check", "--quiet", config, folder]);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("lessons/README.zh.md offers the same experiments: the same code, commands and figures", () => {
  const offered = (file: string) =>
    itemsIn(file).flatMap(([, items]) => items).map((item) => {
      const code = item.match(/```.*?```|`[^`]+`/gs)?.map((code) => code.replace(/\s+/g, " ")).sort();
      return { code, figures: item.replace(/```.*?```|`[^`]+`/gs, "").match(/\d[\d,.]*\d|\d/g)?.sort() };
    });
  assertEquals(offered("README.zh.md"), offered("README.md"));
});
