/** The page, in a real browser, and what is kept of it. */
import assert, { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { CHROMIUM, startBrowser } from "../support/browser.ts";
import { atLine, type Change, changed, replace } from "../support/changed.ts";
import { ask, connect, get, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { ROOT } from "../support/runtimes.ts";
import { ended, startServer } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { until } from "../support/wait.ts";
import { build } from "./build.ts";
import { pictures } from "./pictures.ts";
import { scriptOf, STORIES } from "./record.ts";
import type { Recorded } from "./run.ts";
import { WORDS } from "./words.ts";

const CHARTS = `${ROOT}tests/charts/`;
const recordings: Recorded[] = JSON.parse(await Deno.readTextFile(`${CHARTS}inside.json`));
const CHINESE = /[\u4e00-\u9fff]/;

Deno.test("page and pictures are those of the recording, and that is of the lessons as they are", async () => {
  const files = { "inside.html": await build(recordings), ...pictures(recordings) };
  for (const [name, text] of Object.entries(files)) {
    assertEquals(text, await Deno.readTextFile(CHARTS + name.replace(/^[^.]+$/, "$&.svg")), name);
  }
  for (const [i, story] of STORIES.entries()) {
    assertEquals(recordings[i].source, await Deno.readTextFile(await scriptOf(story)), story.id);
  }
});

Deno.test("every text is there in both languages", () => {
  const texts: boolean[][] = [];
  JSON.stringify(WORDS, (_, value) => {
    const isText = Array.isArray(value) && typeof value[0] === "string";
    return isText ? texts.push(value.map((text) => CHINESE.test(text))) : value;
  });
  assert(texts.length > 150);
  assertEquals(texts, texts.map(() => [false, true]));
});

/** What the page shows: its address, the sentence, the lines that run with their numbers. */
const SHOWN = `[location.hash, document.querySelector("#saying p + p").textContent,
  ...[...document.querySelectorAll(".running")].map((line) =>
    line.value + ":" + line.querySelector("code").textContent.trim())]`;

Deno.test("every step of every run, by keys; the pictures", { ignore: !CHROMIUM }, async () => {
  await using browser = await startBrowser();
  const page = `file://${CHARTS}inside.html?lang=`;
  for (const { id, lines, source } of recordings) {
    const chosen = `document.querySelector("nav [aria-current]").hash === "#${id}/0"`;
    await browser.open(`${page}zh#${id}/0`, chosen);
    await browser.evaluate(`shown = []; document.onkeyup = () => shown.push(${SHOWN})`);
    await browser.press("ArrowRight", lines.length);
    const shown: string[][] = await browser.evaluate("shown");
    for (const [i, { place }] of lines.flatMap(readLine).entries()) {
      const numbers = place.split(":")[1]?.split(",").toSorted() ?? [];
      const code = numbers.map((line) => `${line}:${source.split("\n")[Number(line) - 1].trim()}`);
      const [hash, said, ...running] = shown[i];
      assertEquals([hash, ...running], [`#${id}/${i + 1}`, ...code]);
      assertMatch(said, CHINESE, hash);
    }
    await browser.press("ArrowUp");
    assert(Number((await browser.evaluate("location.hash")).split("/")[1]) < lines.length);
  }
  // A question is answered wrongly: the right answer is there.
  await browser.open(`${page}en#05/fifth`, `!!document.querySelector("summary")`);
  await browser.evaluate(`document.querySelector("summary").click()`);
  const answer = await browser.evaluate(`document.querySelector("details[open]").textContent`);
  assert(answer.includes(WORDS.questions["05/wake"].choices[1][0]));
  await browser.open(`${page}en#05+06/wake`, `document.querySelectorAll("article").length === 2`);
  // select has left six wait queues, epoll_wait one: still drawn, and struck through.
  const left = `[...document.querySelectorAll(".kernel")].map((table) =>
    table.querySelectorAll(".asleep.gone, .awake.gone, .woken.gone").length)`;
  assertEquals(await browser.evaluate(left), [6, 1]);
  // In the pictures all panels have room for what is in them.
  for (const name of Object.keys(pictures(recordings))) {
    await browser.open(`file://${CHARTS}${name}.svg`, `document.querySelectorAll("section").length === 6`);
    const fits = `[...document.querySelectorAll("header, section")].every((panel) =>
      panel.scrollHeight <= panel.clientHeight && panel.scrollWidth <= panel.clientWidth)`;
    assert(await browser.evaluate(fits), name);
  }
  assertEquals(browser.errors, []);
});

/** A changed copy of 06 under `deno task inside`: the server of its page, and the copy. */
async function live(change: Change) {
  const command = ["run", "-A", "tests/inside/inside.ts", await changed("06-epoll", change), "--port", "0"];
  const page = await startServer("the page", [Deno.execPath(), ...command]);
  const port = await until(() => Number(/ listening on http:.*:(\d+)$/m.exec(page.stdout.join("\n"))?.[1]));
  return { ...page, lesson: { port } };
}

Deno.test("live: what two clients do, what the copy prints, and its end", { ignore: !CHROMIUM }, async () => {
  await using browser = await startBrowser();
  await using page = await live(atLine("let closed = false;", '… console.error("hello");'));
  await browser.open(`http://127.0.0.1:${page.port}/?lang=en`, `!!document.querySelector("article")`);
  const shows = (text: string) => browser.holds(`document.body.innerText.includes(${JSON.stringify(text)})`);
  const stepsBack = () => browser.evaluate("slider.max - slider.value");
  using silent = await connect(page.lesson);
  await shows("client 1 connected, silent");
  await sendAll(silent, REQUEST.slice(0, 10));
  await shows("client 1 has asked, waits");
  await shows("hello");
  assertEquals(await get(page.lesson), RESPONSE_TEXT);
  await shows("client 2 closed");
  assertEquals(await stepsBack(), 0);
  await browser.press("ArrowLeft"); // and one can step back; more may come meanwhile
  assert(await stepsBack() > 0);
  page.kill("SIGINT");
  assertEquals(await ended(page), 0);
  await shows("The server has ended. SIGINT");
  assertEquals(browser.errors, []);
});

Deno.test("live: a handler that throws ends the lesson, and the page is told", async () => {
  await using page = await live(replace("const data = conn.recv(4096);", 'throw new Error("oops");'));
  assertEquals(await ask(page.lesson, "/"), "");
  const story = async () => await (await fetch(`http://127.0.0.1:${page.port}/story`)).text();
  await until(async () => /oops.*"ended":"exit code 1"/.test(await story()));
  page.kill("SIGINT");
  assertEquals(await ended(page), 0);
});
