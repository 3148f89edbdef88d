/** Recordings, and the state that they tell. */
import assert, { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import kept from "../charts/inside.json" with { type: "json" };
import { once } from "../support/declare.ts";
import { LESSONS, type Runtime } from "../support/runtimes.ts";
import { connections } from "./model.ts";
import { check, record, STORIES } from "./record.ts";
import { Run } from "./run.ts";
import { WORDS } from "./words.ts";

/** The texts of a run that have no step there: a step is found by what is so in it. */
const homeless = ({ recorded, anchors }: Run) =>
  Object.keys({ ...WORDS.notes, ...WORDS.questions }).map((name) => name.split("/"))
    .filter(([id, step]) => id === recorded.id && !(step in anchors));

for (const story of STORIES.slice(0, LESSONS.length)) {
  const { lesson } = story;
  const test = async (runtime: Runtime) => {
    const run = new Run(await record(story, runtime));
    const { recorded, state, lines } = run;
    assertEquals(homeless(run), []);
    const clients = connections(state).map(({ asked, sent, over, gone }) => [asked, sent, over, gone]);
    assertEquals(clients, [...Array(4).fill([0, 0, true, true]), [54, 58, true, true]]);
    for (const { call, place } of lines.filter(({ call }) => /^(accept4|select|fork)$/.test(call))) {
      const [file, number] = place.split(/[:,]/);
      const code = recorded.source.split("\n")[Number(number) - 1];
      assert(file === `${lesson}.ts` && code.includes(call.replace("4", "")), `${call} at ${place}`);
    }
  };
  once("what its trace tells is what the kernel holds, whenever all is at rest", test, false, `${lesson} `);
}

Deno.test("a recording that leaves something out does not pass", () => {
  for (const recording of kept) {
    check(recording);
    assertEquals(homeless(new Run(recording)), []);
    for (const call of ["recv", "accept", "close"]) {
      const at = recording.lines.findIndex((line) => RegExp(` ${call}4?\\(\\d+\\) = \\d`).test(line));
      if (at === -1 || at > recording.rests.at(-1)!.after) continue;
      const lines = recording.lines.toSpliced(at, 1);
      const rests = recording.rests.map((rest) => ({ ...rest, after: rest.after - Number(rest.after > at) }));
      assertThrows(() => check({ ...recording, lines, rests }), Error, recording.lines[at]);
    }
  }
});
