/** Stories and their pictures, from what `deno task story` once printed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LESSONS } from "../support/runtimes.ts";
import { outcome, pictures } from "./pictures.ts";
import { readStories, type Story } from "./story.ts";

const stories = readStories(await Deno.readTextFile(new URL("../charts/story.txt", import.meta.url)));
const [fork, thread, pool, poll, select, epoll] = stories;

/** The lanes by kind: `{ main: 1, child: 5 }`. */
function lanes({ lanes }: Story): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { name } of lanes) kinds[name.split(" ")[0]] = (kinds[name.split(" ")[0]] ?? 0) + 1;
  return kinds;
}

/** Its sleeps from one step to another: the call, and the steps. */
const sleeps = (story: Story, lane: number) =>
  story.lanes[lane].sleeps.filter(({ from, to }) => from < to).map(({ call, from, to }) =>
    `${call} ${from}-${to}`
  );

const ASKS = 5; // the step in which client 5 asks

Deno.test("every story has five clients and their steps, in the order in which they came", () => {
  assertEquals(stories.map(({ lesson }) => lesson), [...LESSONS]);
  for (const { lesson, steps, clients } of stories) {
    assertEquals(steps.map(({ who, what }) => `${who} ${what}`), [
      "server starts",
      ...[1, 2, 3, 4].map((n) => `client ${n} connects`),
      "client 5 connects and asks",
      ...[1, 2, 3, 4].map((n) => `client ${n} leaves`),
      ...lesson === "01-fork" ? ["nobody comes for a second"] : [],
    ]);
    assertEquals(steps.map(({ time }) => time), steps.map(({ time }) => time).toSorted((a, b) => a - b));
    assertEquals(clients.map(({ connects }) => connects), [1, 2, 3, 4, ASKS]);
    assertEquals(clients.map(({ leaves }) => leaves), [6, 7, 8, 9, undefined]);
  }
});

Deno.test("01 and 02: a child or a thread for each client, asleep in recv until its client leaves", () => {
  assertEquals(lanes(fork), { main: 1, child: 5 });
  assertEquals(lanes(thread), { main: 1, worker: 5 });
  for (const story of [fork, thread]) {
    assertEquals(story.lanes.map(({ born }) => born), [0, 1, 2, 3, 4, ASKS]);
    assertEquals(story.lanes.map(({ ended }) => ended), [undefined, 6, 7, 8, 9, ASKS]);
    for (const n of [1, 2, 3, 4]) assertEquals(sleeps(story, n), [`recv ${n}-${n + 5}`]);
    assertEquals(sleeps(story, 5), []);
    assertEquals(story.clients[4].answered?.by, story.lanes[5].name);
    assertEquals(story.steps.map(({ wakes }) => wakes), [
      undefined,
      ...Array(5).fill("main"),
      ...story.lanes.slice(1, 5).map(({ name }) => name),
      ...story === fork ? ["main"] : [],
    ]);
  }
});

Deno.test("01: when nobody comes for a second, the parent takes note of all five that have ended", () => {
  const reaped = fork.lanes[0].steps[10].filter(({ call }) => call === "waitpid").map(({ text }) =>
    text.split(" = ")[1]
  );
  assertEquals(
    reaped.filter((pid) => Number(pid) > 0).toSorted(),
    fork.lanes.slice(1).map(({ name }) => name.slice(6)).toSorted(),
  );
});

Deno.test("03: all four are asleep in recv when client 5 asks, which waits until client 1 leaves", () => {
  assertEquals(lanes(pool), { main: 1, worker: 4 });
  assertEquals([1, 2, 3, 4].map((n) => sleeps(pool, n)), [
    ["accept 0-1", "recv 1-6", "accept 6-10"],
    ["accept 0-2", "recv 2-7", "accept 7-10"],
    ["accept 0-3", "recv 3-8", "accept 8-10"],
    ["accept 0-4", "recv 4-9", "accept 9-10"],
  ]);
  assertEquals(pool.steps[ASKS].wakes, undefined);
  assertEquals(pool.clients[4].accepted, 6);
  assertEquals(pool.clients[4].answered?.step, 6);
  assertMatch(
    outcome(pool),
    /^client 5 waits [\d.]+ ms, until client 1 leaves: all four are asleep in recv$/,
  );
});

Deno.test("04 never sleeps and asks in every step; 05 and 06 sleep between all of them", () => {
  for (const story of [poll, select, epoll]) {
    assertEquals(lanes(story), { main: 1 });
    assertEquals(story.clients[4].answered?.step, ASKS);
    assertMatch(outcome(story), /^client 5 is answered in [\d.]+ ms, beside four silent clients$/);
  }
  assertEquals(sleeps(poll, 0), []);
  assert(Array.from(poll.lanes[0].spins, (count) => count > 0).every(Boolean));
  const all = (call: string) => Array.from({ length: 10 }, (_, step) => `${call} ${step}-${step + 1}`);
  assertEquals(sleeps(select, 0), all("select"));
  assertEquals(sleeps(epoll, 0), all("epoll_wait"));
});

Deno.test("a sleeper that wakes for nothing was not woken by the client", () => {
  const [story] = readStories(`01-fork, deno
      1.00 ms  main          accept(3) …
      2.00 ms  client 1      leaves
      2.00 ms  main          accept(3) = -1 EAGAIN                waited 1.0 ms
      3.00 ms  child 7       recv(4) = 0`);
  assertEquals(story.lanes[0].sleeps, [{ call: "accept", from: 0, to: 1 }]);
  assertEquals(story.steps[1].wakes, "child 7");
});

Deno.test("a picture names every lane, every client and every call, and so does the one of all six", () => {
  const drawn = pictures(stories);
  assertEquals(Object.keys(drawn), [...LESSONS, "story", "story-narrow"]);
  for (const story of stories) {
    const svg = drawn[story.lesson];
    const names = [...svg.matchAll(/class="small strong">((?:main|child|worker) ?\d*)</g)].map(([, name]) =>
      name
    );
    assertEquals(names.length, story.lanes.length);
    const tips = [...svg.matchAll(/<title>([^<]*)<\/title>/g)].flatMap(([, tip]) => tip.split("\n"));
    for (const lane of story.lanes) {
      for (const { time, text } of lane.steps.flat()) {
        assert(tips.some((tip) => tip.startsWith(`${time} ms  ${text}`)), text);
      }
    }
  }
  for (const svg of Object.values(drawn)) {
    assertEquals(svg.match(/<g[ >]/g)?.length, svg.match(/<\/g>/g)?.length);
    assert(!/NaN|undefined|Infinity/.test(svg));
  }
  for (const lesson of LESSONS) assert(drawn.story.includes(lesson));
});

Deno.test("the pictures in the repository are those of the story beside them", async () => {
  for (const [name, svg] of Object.entries(pictures(stories))) {
    assertEquals(await Deno.readTextFile(new URL(`../charts/${name}.svg`, import.meta.url)), svg, name);
  }
});
