/** Recordings, and the state that they tell. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { once } from "../support/declare.ts";
import { type Lesson, LESSONS, type Runtime } from "../support/runtimes.ts";
import { references, sleepersIn, sleepersOn, type State } from "./model.ts";
import { check, record, type Recording, STORIES } from "./record.ts";
import { Run } from "./run.ts";

/** What is so when client 5 has just asked: who is woken, and who sleeps for its socket. */
const FIFTH: Record<string, (state: State) => void> = {
  "01-fork": (state) => woken(state, /^child /, 1),
  "02-thread": (state) => woken(state, /^worker 5$/, 1),
  "03-thread-pool": (state) => {
    woken(state, /^worker/, 0);
    const [{ queue }] = state.sockets;
    assertEquals(queue!.map((id) => state.sockets.find((socket) => socket.id === id)!.unread), [54]);
    assertEquals(references(state, queue![0]), 0);
  },
  "04-busy-poll": (state) => assert(state.threads[0].spins > 0),
  "05-select": (state) => {
    woken(state, /^main$/, 1);
    assertEquals(state.sockets.map((socket) => sleepersOn(state, socket).length), [1, 1, 1, 1, 1, 1]);
  },
  "06-epoll": (state) => {
    woken(state, /^main$/, 1);
    assertEquals(state.sockets.flatMap((socket) => sleepersOn(state, socket)), []);
    assertEquals(sleepersIn(state, state.epolls[0]).length, 1);
    assertEquals(state.epolls[0].ready, [state.clients[4].socket]);
    assertEquals(state.epolls[0].interest.length, 6);
  },
};
function woken({ threads }: State, who: RegExp, count: number) {
  assertEquals(
    threads.filter(({ woken }) => woken).map(({ name }) => who.test(name)),
    Array(count).fill(true),
  );
}

/** A busy machine may keep a server from coming to rest in time. What a trace tells wrongly, it tells wrongly each time. */
async function recorded(lesson: Lesson, runtime: Runtime): Promise<Recording> {
  const story = STORIES.find((story) => story.lesson === lesson)!;
  for (let i = 0; i < 2; i++) {
    try {
      return await record(story, runtime);
    } catch (error) {
      console.error(`once more: ${error}`);
    }
  }
  return await record(story, runtime);
}

for (const lesson of LESSONS) {
  once(
    "what its trace tells is what the kernel holds, whenever all is at rest",
    async (runtime) => {
      const recording = await recorded(lesson, runtime);
      const { states: all, lines, anchors: steps } = new Run(recording);
      FIFTH[lesson](all[steps.fifth]);
      const clients = all.at(-1)!.clients.map(({ asked, sent, gone }) => [asked, sent, gone]);
      assertEquals(clients, [...Array(4).fill([0, 0, true]), [54, 58, true]]);
      const source = recording.source.split("\n");
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

const KEPT: Recording[] = JSON.parse(
  await Deno.readTextFile(new URL("../charts/inside.json", import.meta.url)),
);

Deno.test("a recording that leaves something out does not pass", () => {
  for (const recording of KEPT) {
    check(recording);
    for (const call of ["recv", "accept", "close"]) {
      const at = recording.lines.findIndex((line) => RegExp(` ${call}4?\\(\\d+\\) = \\d`).test(line));
      if (at === -1) continue;
      const lines = recording.lines.toSpliced(at, 1);
      const rests = recording.rests.map(({ after, seen }) => ({
        after: after > at ? after - 1 : after,
        seen,
      }));
      assertThrows(() => check({ ...recording, lines, rests }), Error);
    }
  }
});

const kept = (id: string) => new Run(KEPT.find((recording) => recording.id === id)!);

Deno.test("01: after the parent's close one descriptor is left, without it two; then the end never comes", () => {
  const { states: all, anchors: steps } = kept("01");
  const [before, after] = [all[steps["parent-close"] - 1], all[steps["parent-close"]]];
  const { socket } = after.clients[0];
  assertEquals([references(before, socket), references(after, socket)], [2, 1]);
  const forgotten = kept("01-close");
  assertEquals(forgotten.state.clients.map(({ sent, over }) => [sent, over]), [[0, false], [
    58,
    false,
  ]]);
  assertEquals(forgotten.state.processes.map(({ fds }) => Object.keys(fds).length), [3]);
});

Deno.test("04, blocking: the only thread sleeps for a silent client while others queue", () => {
  const { states: all, anchors: steps } = kept("04-block");
  const state = all[steps.fifth];
  assertEquals(state.threads.map(({ inside, call, woken }) => [call, inside?.sleeps, woken]), [[
    "recv",
    true,
    false,
  ]]);
  assertEquals(state.sockets[0].queue!.length, 2);
});

Deno.test("06, edge-triggered: it sleeps with bytes unread; level-triggered, the entry goes back to the list", () => {
  const { states: all, anchors: steps } = kept("06-edge");
  const { sockets, epolls, threads } = all[steps.stuck];
  assertEquals([sockets.at(-1)!.unread, epolls[0].ready, threads[0].inside?.sleeps], [38, [], true]);
  const level = kept("06");
  assertEquals(level.states[level.anchors.wake].epolls[0].ready.length, 1);
});

Deno.test("06, the early leaver: its end is read, and read again", () => {
  const { states: all, lines } = kept("06-leaver");
  assert(lines.at(-1)!.count! > 10);
  assertEquals(all.at(-1)!.sockets.at(-1)!.ended, true);
});
