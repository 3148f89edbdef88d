/** The options of a lesson: what is taken, what is refused. */
import { assert, assertEquals } from "@std/assert";
import { parseOptions } from "../../shared/options.ts";

const parse = (...args: string[]) => parseOptions("04-busy-poll", "shows", {}, args);

Deno.test("options: defaults and both spellings", () => {
  const values = { host: "127.0.0.1", port: 9696, lesson: "04-busy-poll" };
  assertEquals(parse(), { values });
  assertEquals(parse("--port", "80"), { values: { ...values, port: 80 } });
  assertEquals(parse("--port=0", "--host=0.0.0.0"), { values: { ...values, port: 0, host: "0.0.0.0" } });
  assertEquals(parse("--host", "localhost"), { values });
  assertEquals(parse("--trace"), { values });
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
    ["--lesson", "mine"],
    ["--toString", "1"],
    ["--host", "256.0.0.1"],
    ["--host", "1.2.3"],
    ["--help=yes"],
    ["--trace=1"],
  ];
  for (const args of malformed) assert("error" in parse(...args), args.join(" "));
});

Deno.test("options: a lesson's own, numbers and texts", () => {
  const own = { pool: 4, body: "A" };
  const parse = (...args: string[]) => parseOptions("mine", "shows", own, args);
  const values = { host: "127.0.0.1", port: 9696, lesson: "mine" };
  assertEquals(parse(), { values: { ...values, pool: 4, body: "A" } });
  assertEquals(parse("--pool", "8", "--body=x=y"), { values: { ...values, pool: 8, body: "x=y" } });
  for (const pool of ["-1", "many", ""]) assert("error" in parse("--pool", pool), pool);
  const found = parse("--help");
  assert("help" in found && found.help.includes("--pool N") && found.help.includes("(default 4)"));
});
