/** Recordings, and the state that they tell. */
import assert, { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { once } from "../support/declare.ts";
import { LESSONS, type Runtime } from "../support/runtimes.ts";
import { connections, sleepers, type State } from "./model.ts";
import { check, record, STORIES } from "./record.ts";
import { type Recorded, Run } from "./run.ts";
import { scene } from "./scene.ts";

/** When client 5 has just asked: who is woken, how many sleep for each socket, unread bytes in the queue. */
const FIFTH: Record<string, unknown[]> = {
  "01-fork": ["child", [1, 1, 1, 1, 1, 1], []],
  "02-thread": ["worker 5", [1, 1, 1, 1, 1, 1], []],
  "03-thread-pool": [undefined, [0, 1, 1, 1, 1, 0], [54]],
  "04-busy-poll": [undefined, [0, 0, 0, 0, 0, 0], []],
  "05-select": ["main", [1, 1, 1, 1, 1, 1], []],
  "06-epoll": ["main", [0, 0, 0, 0, 0, 0], []],
};
const factsOf = (state: State) => [
  state.woken?.name.replace(/(child) \d+/, "$1"),
  state.sockets.map((socket) => sleepers(state, socket).length),
  state.sockets[0].queue!.map(({ unread }) => unread),
];

for (const story of STORIES.slice(0, LESSONS.length)) {
  const { lesson } = story;
  const test = async (runtime: Runtime) => {
    const { recorded, states, state, lines, anchors } = new Run(await record(story, runtime));
    assertEquals(factsOf(states[anchors.fifth]), FIFTH[lesson]);
    const clients = connections(state).map(({ asked, sent, gone }) => [asked, sent, gone]);
    assertEquals(clients, [...Array(4).fill([0, 0, true]), [54, 58, true]]);
    for (const { call, place } of lines.filter(({ call }) => /^(accept4|select|fork)$/.test(call))) {
      const [file, number] = place.split(/[:,]/);
      const code = recorded.source.split("\n")[Number(number) - 1];
      assert(file === `${lesson}.ts` && code.includes(call.replace("4", "")), `${call} at ${place}`);
    }
  };
  once("what its trace tells is what the kernel holds, whenever all is at rest", test, false, `${lesson} `);
}

const KEPT: Recorded[] = JSON.parse(
  await Deno.readTextFile(new URL("../charts/inside.json", import.meta.url)),
);
const kept = (id: string) => new Run(KEPT.find((recording) => recording.id === id)!);

Deno.test("a recording that leaves something out does not pass", () => {
  for (const recording of KEPT) {
    check(recording);
    for (const call of ["recv", "accept", "close"]) {
      const at = recording.lines.findIndex((line) => RegExp(` ${call}4?\\(\\d+\\) = \\d`).test(line));
      if (at === -1 || at > recording.rests.at(-1)!.after) continue;
      const lines = recording.lines.toSpliced(at, 1);
      const rests = recording.rests.map((rest) => ({ ...rest, after: rest.after - Number(rest.after > at) }));
      assertThrows(() => check({ ...recording, lines, rests }), Error, recording.lines[at]);
    }
  }
});

Deno.test("more processor time than there was does not pass", () => {
  const { recorded } = structuredClone(kept("04"));
  recorded.rests.forEach(({ seen }, i) => Object.assign(seen, { cpu: seen.cpu * 1.5 + i }));
  assertThrows(() => check(recorded), Error);
});

const threads = (state: State) =>
  state.threads.map(({ does, text }) => `${does} ${/^\w*/.exec(text)}`.trim());
const open = (state: State) => connections(state).map(({ descriptors, over }) => [descriptors, over]);
const ended = (state: State) => connections(state).map(({ ended }) => ended);
const last = (state: State) => [state.sockets.at(-1)!.unread, state.epolls.map(({ ready }) => ready.length)];
/** By run and step, what was so before it, and is then. */
const SO: [id: string, step: string, fact: (state: State) => unknown, was: unknown, is: unknown][] = [
  ["01", "parent-close", open, [[2, false]], [[1, false]]],
  ["01", "reap", threads, ["awake"], ["awake"]], // accept's limit of time is over
  ["01-close", "leak", open, [[3, false], [2, false]], [[3, false], [1, false]]], // so no client gets its end
  ["03", "clone", threads, ["awake"], ["joins", "awake"]], // it waits for the thread in the runtime's own loop
  ["04-block", "fifth", threads, ["asleep recv"], ["asleep recv"]],
  ["04-block", "fifth", open, [[1, false], [0, false], [0, false]], [[1, false], [0, false], [0, false]]],
  ["06", "wake", last, [54, [1]], [54, [1]]], // level-triggered, it goes back to the list
  ["06-edge", "stuck", last, [38, [0]], [38, [0]]],
  ["06-edge", "stuck", threads, ["awake"], ["asleep epoll_wait"]],
  ["06-leaver", "round", threads, ["awake"], ["awake epoll_wait"]], // the end is read, and there again
  ["06-leaver", "again", ended, [false, true], [false, true]],
];
for (const [id, step, fact, was, is] of SO) {
  Deno.test(`${id}/${step}: ${fact.name}`, () => {
    const { states, anchors } = kept(id);
    assertEquals(states.slice(anchors[step] - 1, anchors[step] + 1).map(fact), [was, is]);
  });
}

Deno.test("what a step takes away is still drawn in it, struck through", () => {
  const { states, anchors } = kept("05");
  const [before, at] = states.slice(anchors.wake - 1);
  assertEquals(scene(before, at).match(/ gone">[☾▸] main/g)?.length, 6);
  assert(!scene(at, at).includes("gone"));
});
