/** The options of a lesson: what is taken, what is refused, and the words for another system. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseOptions, unsupported } from "../../shared/server.ts";

const parse = (...args: string[]) => parseOptions("04-busy-poll", "shows", args);

Deno.test("options: defaults and both spellings", () => {
  const address = { host: "127.0.0.1", port: 9696, lesson: "04-busy-poll" };
  assertEquals(parse(), { address });
  assertEquals(parse("--port", "80"), { address: { ...address, port: 80 } });
  assertEquals(parse("--port=0", "--host=0.0.0.0"), { address: { ...address, port: 0, host: "0.0.0.0" } });
  assertEquals(parse("--trace"), { address });
});

Deno.test("options: what is malformed is refused", () => {
  const malformed = [
    ["--prot", "1"],
    ["9696"],
    ["-h"],
    [""],
    ["--port"],
    ["--port", ""],
    ["--port", "65536"],
    ["--port", "-1"],
    ["--port", "1e3"],
    ["--port=0x10"],
    ["--host"],
    ["--host", "localhost"],
    ["--host", "256.0.0.1"],
    ["--host", "1.2.3"],
    ["--help=yes"],
    ["--trace=1"],
  ];
  for (const args of malformed) assert("error" in parse(...args), args.join(" "));
});

Deno.test("elsewhere than on Linux, one sentence with the container command", () => {
  assertMatch(
    unsupported("06-epoll"),
    /^06-epoll .*: docker run .*-p 9696:9696 .* lessons\/06-epoll\.ts --host 0\.0\.0\.0$/,
  );
});
