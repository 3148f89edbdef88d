/** Recordings, and the state that they tell. */
import assert, { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { once } from "../support/declare.ts";
import { LESSONS } from "../support/runtimes.ts";
import { asleep, connections, sleepers, type State } from "./model.ts";
import { check, record, STORIES } from "./record.ts";
import { type Recorded, Run } from "./run.ts";
import { scene } from "./scene.ts";

/** When client 5 has just asked: who is woken, how many sleep for each socket, unread bytes in the queue, who is ready. */
const FIFTH: Record<string, unknown[]> = {
  "01-fork": [["child"], [1, 1, 1, 1, 1, 1], [], []],
  "02-thread": [["worker 5"], [1, 1, 1, 1, 1, 1], [], []],
  "03-thread-pool": [[], [0, 1, 1, 1, 1, 0], [54], []],
  "04-busy-poll": [[], [0, 0, 0, 0, 0, 0], [], []],
  "05-select": [["main"], [1, 1, 1, 1, 1, 1], [], []],
  "06-epoll": [["main"], [0, 0, 0, 0, 0, 0], [], ["client 5"]],
};
const factsOf = (state: State) => [
  state.threads.filter(({ does }) => does === "woken").map(({ name }) => name.replace(/(child) \d+/, "$1")),
  state.sockets.map((socket) => sleepers(state, socket).length),
  state.sockets[0].queue!.map(({ unread }) => unread),
  state.epolls.flatMap(({ ready }) => ready).map(({ socket }) => socket.client),
];

for (const lesson of LESSONS) {
  once(
    "what its trace tells is what the kernel holds, whenever all is at rest",
    async (runtime) => {
      const recording = await record(STORIES.find((story) => story.lesson === lesson)!, runtime);
      const { states, state, lines, anchors } = new Run(recording);
      assertEquals(factsOf(states[anchors.fifth]), FIFTH[lesson]);
      const clients = connections(state).map(({ asked, sent, gone }) => [asked, sent, gone]);
      assertEquals(clients, [...Array(4).fill([0, 0, true]), [54, 58, true]]);
      const source = recording.source.split("\n");
      assert(lines.every(({ call }) => call !== "setsockopt"), "it is folded into its neighbour");
      const placed = lines.filter(({ place }) => place);
      assertEquals([...new Set(placed.map(({ place }) => place.split(":")[0]))], [`${lesson}.ts`]);
      for (const { call, place } of placed.filter(({ call }) => /^(accept4|select|fork)$/.test(call))) {
        const code = source[Number(/:(\d+)/.exec(place)![1]) - 1];
        assert(code.includes(call.replace("4", "")), `${call} at ${place}`);
      }
    },
    false,
    `${lesson} `,
  );
}

const KEPT: Recorded[] = JSON.parse(
  await Deno.readTextFile(new URL("../charts/inside.json", import.meta.url)),
);

Deno.test("a recording that leaves something out does not pass", () => {
  for (const recording of KEPT) {
    check(recording);
    for (const call of ["recv", "accept", "close"]) {
      const at = recording.lines.findIndex((line) => RegExp(` ${call}4?\\(\\d+\\) = \\d`).test(line));
      if (at === -1 || at > recording.rests.at(-1)!.after) continue;
      const lines = recording.lines.toSpliced(at, 1);
      const rests = recording.rests.map((rest) => ({ ...rest, after: rest.after - Number(rest.after > at) }));
      assertThrows(() => check({ ...recording, lines, rests }), Error);
    }
  }
});

/** A recording that is kept, and its state at a step with a name. */
function kept(id: string, anchor: string) {
  const run = new Run(KEPT.find((recording) => recording.id === id)!);
  return {
    ...run,
    state: run.state,
    before: run.states[run.anchors[anchor] - 1],
    at: run.states[run.anchors[anchor]],
  };
}

Deno.test("01: after the parent's close one descriptor is left, without it two; then the end never comes", () => {
  const { before, at } = kept("01", "parent-close");
  assertEquals([before, at].map((state) => connections(state)[0].descriptors), [2, 1]);
  const { state } = kept("01-close", "leak");
  assertEquals(connections(state).map(({ sent, over }) => [sent, over]), [[0, false], [58, false]]);
  assertEquals(Object.keys(state.processes[0].fds).length, 3);
});

Deno.test("01: when accept's limit of time is over, main is awake, and looks for children", () => {
  const { lines, states } = kept("01", "reap");
  const over = lines.findIndex(({ text }) => text.endsWith("= -1 EAGAIN"));
  const main = states.slice(over, over + 3).map((state) => asleep(state.threads[0]));
  assertEquals([...main, lines[over + 1].call], [true, false, false, "waitpid"]);
});

Deno.test("04, blocking: the only thread sleeps for a silent client while others queue", () => {
  const { at } = kept("04-block", "fifth");
  assertEquals(at.threads.map(({ does, text }) => [does, text]), [["asleep", "recv(22) …"]]);
  assertEquals(at.sockets[0].queue!.length, 2);
});

Deno.test("06, edge-triggered: it sleeps with bytes unread; level-triggered, the entry goes back to the list", () => {
  const { at } = kept("06-edge", "stuck");
  assertEquals([at.sockets.at(-1)!.unread, at.epolls[0].ready, asleep(at.threads[0])], [38, [], true]);
  assertEquals(kept("06", "wake").at.epolls[0].ready.length, 1);
});

Deno.test("06, the early leaver: its end is read, and read again", () => {
  const { lines, before, at } = kept("06-leaver", "again");
  assertEquals(lines.slice(-3).map(({ call, waits }) => [call, waits]), [
    ["epoll_wait", true],
    ["epoll_wait", false],
    ["recv", false],
  ]);
  assertEquals([before, at].map(({ sockets }) => sockets.at(-1)!.ended), [true, true]);
});

Deno.test("03: who creates threads waits until each runs, and only then for one to end", () => {
  const { states } = kept("03", "pool");
  const awaited = states.slice(1).map(({ threads }) => threads[0])
    .map(({ does, text }) => does === "starts" ? text : does);
  const names = ["worker 1", undefined, "worker 2", undefined, "worker 3", undefined, "worker 4", "end"];
  assertEquals(awaited.filter((name, i) => name !== awaited[i - 1]), names);
});

Deno.test("more processor time than there was does not pass", () => {
  const [, , , recording] = structuredClone(KEPT);
  recording.rests.forEach(({ seen }, i) => Object.assign(seen, { cpu: seen.cpu * 1.5 + i }));
  assertThrows(() => check(recording), Error);
});

Deno.test("what a step takes away is still drawn in it, struck through", () => {
  const { before, at } = kept("05", "wake");
  assertEquals(scene(before, at, 430).svg.match(/<g class="gone">[^]*?☾ main/g)?.length, 5);
  assert(!scene(at, at, 430).svg.includes("gone"));
});
