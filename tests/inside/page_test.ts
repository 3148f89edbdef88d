/** The page, in a real browser, and what is kept of it. */
import assert, { deepStrictEqual as assertEquals, match as assertMatch } from "node:assert/strict";
import { CHROMIUM, startBrowser } from "../support/browser.ts";
import { changed, replace } from "../support/changed.ts";
import { connect, get, REQUEST, RESPONSE_TEXT, sendAll } from "../support/clients.ts";
import { ROOT } from "../support/runtimes.ts";
import { ended, startServer } from "../support/servers.ts";
import { readLine } from "../support/trace_lines.ts";
import { waitFor } from "../support/wait.ts";
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

Deno.test("live: what two clients do, what the copy prints, and its end", { ignore: !CHROMIUM }, async () => {
  await using browser = await startBrowser();
  const prints = replace("let closed = false;", 'let closed = false; console.error("a client is ready");');
  const command = ["run", "-A", "tests/inside/inside.ts", await changed("06-epoll", prints), "--port", "0"];
  await using page = await startServer("the page", [Deno.execPath(), ...command]);
  const listening = / listening on http:.*:(\d+)$/m;
  const port = await waitFor("its port", () => Number(listening.exec(page.stdout.join("\n"))?.[1]));
  await browser.open(`http://127.0.0.1:${page.port}/?lang=en`, `!!document.querySelector("article")`);
  const shows = (text: string) => browser.until(`document.body.innerText.includes(${JSON.stringify(text)})`);
  const stepsBack = () => browser.evaluate("slider.max - slider.value");
  using silent = await connect({ port });
  await shows("client 1 connected, silent");
  await sendAll(silent, REQUEST.slice(0, 10));
  await shows("client 1 has asked, waits");
  await shows("a client is ready");
  assertEquals(await get({ port }), RESPONSE_TEXT);
  await shows("client 2 closed");
  assertEquals(await stepsBack(), 0);
  await browser.press("ArrowLeft"); // and one can step back; more may come meanwhile
  assert(await stepsBack() > 0);
  page.kill("SIGINT");
  assertEquals(await ended(page), 0);
  await shows("The server has ended. SIGINT");
  assertEquals(browser.errors, []);
});
