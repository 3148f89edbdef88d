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

const CHARTS = `${ROOT}tests/charts`;
const recordings: Recorded[] = JSON.parse(await Deno.readTextFile(`${CHARTS}/inside.json`));

Deno.test("page and pictures are those of the recording, and that is of the lessons as they are", async () => {
  assertEquals(await Deno.readTextFile(`${CHARTS}/inside.html`), await build(recordings));
  for (const [name, svg] of Object.entries(pictures(recordings))) {
    assertEquals(await Deno.readTextFile(`${CHARTS}/${name}.svg`), svg, name);
  }
  for (const [i, story] of STORIES.entries()) {
    assertEquals(recordings[i].source, await Deno.readTextFile(await scriptOf(story)), story.id);
  }
});

Deno.test("every text is there in both languages", () => {
  const texts = [
    ...[WORDS.page, WORDS.scene, WORDS.titles, WORDS.steps, WORDS.notes].flatMap(Object.values),
    ...Object.values(WORDS.questions).flatMap(({ ask, choices }) => [ask, ...choices]),
  ];
  assert(texts.length > 100);
  for (const [english, chinese, ...more] of texts) {
    assertEquals(more, []);
    assertMatch(english, /^[^\u3000-\u9fff]+$/);
    assertMatch(chinese, /[\u4e00-\u9fff]/);
  }
});

const IN_BROWSER = { ignore: !CHROMIUM };

/** What the page shows: its address, the sentence, the lines that run with their numbers. */
const SHOWN = `[
  location.hash,
  document.querySelector("#saying p:nth-of-type(2)").innerText,
  ...[...document.querySelectorAll(".running")].map((line) =>
    line.value + ":" + line.querySelector("code").textContent.trim())]`;

for (const lang of ["en", "zh"]) {
  Deno.test(`the page, walked by keys: every step of every run, in ${lang}`, IN_BROWSER, async () => {
    await using browser = await startBrowser();
    const page = `file://${CHARTS}/inside.html`;
    for (const { id, lines, source } of recordings) {
      const current = `document.querySelector("nav [aria-current]")?.hash === "#${id}/0"`;
      await browser.open(`${page}?lang=${lang}#${id}/0`, current);
      const steps = lines.flatMap(readLine);
      for (const [i, { place }] of steps.entries()) {
        await browser.press("ArrowRight");
        const [hash, said, ...running] = await browser.evaluate(SHOWN);
        assertEquals(hash, `#${id}/${i + 1}`);
        assertMatch(said, lang === "zh" ? /[\u4e00-\u9fff]/ : /^[^\u3000-\u9fff]{10,}$/, hash);
        const numbers = place.split(":")[1]?.split(",").toSorted() ?? [];
        const code = numbers.map((line) => `${line}:${source.split("\n")[Number(line) - 1].trim()}`);
        assertEquals(running, code, hash);
      }
      await browser.press("ArrowUp");
      assert(Number((await browser.evaluate("location.hash")).split("/")[1]) < steps.length);
    }
    // A question is answered wrongly: the right answer is there, and the note that would have given it away.
    await browser.open(`${page}?lang=${lang}#05/fifth`, `!!document.querySelector("#saying button")`);
    const notes = `document.querySelectorAll("blockquote").length`;
    const right = WORDS.questions["05/wake"].choices[1][Number(lang === "zh")];
    assertEquals(await browser.evaluate(notes), 0);
    await browser.evaluate(`document.querySelector("#saying button").click()`);
    assert((await browser.evaluate(`document.querySelector("#saying").innerText`)).includes(right));
    assertEquals(await browser.evaluate(notes), 2);
    const two = `document.querySelectorAll("section").length === 2`;
    await browser.open(`${page}?lang=${lang}#05+06/wake`, two);
    assertEquals(browser.errors, []);
    assertEquals(browser.requests.filter((url) => !url.startsWith(page) && !url.startsWith("data:")), []);
  });
}

/** A lesson under `deno task inside`, until the block ends: the server of its page, and what the lesson prints. */
async function live(script: string) {
  const inside = [Deno.execPath(), "run", "-A", "tests/inside/inside.ts", script, "--port", "0"];
  const server = await startServer("the page", inside);
  const prints = (pattern: RegExp) =>
    waitFor(`${pattern}`, () => pattern.exec(server.stdout.join("\n"))?.[1]);
  return {
    ...server,
    page: `http://127.0.0.1:${server.port}/`,
    prints,
    lesson: { port: Number(await prints(/ listening on http:.*:(\d+)$/m)) },
    stop: () => {
      server.kill("SIGINT");
      return ended(server);
    },
  };
}

Deno.test("live: what two clients do appears, and the end does", IN_BROWSER, async () => {
  await using browser = await startBrowser();
  await using page = await live("lessons/06-epoll.ts");
  await browser.open(`${page.page}?lang=en`, `!!document.querySelector("section")`);
  const shows = (text: string) =>
    waitFor(text, () => browser.evaluate(`document.body.innerText.includes(${JSON.stringify(text)})`));
  const stepsBack = () =>
    browser.evaluate(`document.querySelector("#slider").max - document.querySelector("#slider").value`);
  using silent = await connect(page.lesson);
  await shows("client 1 connected, silent");
  await sendAll(silent, REQUEST.slice(0, 10));
  await shows("client 1 has asked, waits");
  assertEquals(await get(page.lesson), RESPONSE_TEXT);
  await shows("client 2 closed");
  assertEquals(await stepsBack(), 0);
  await browser.press("ArrowLeft"); // and one can step back; more may come meanwhile
  assert(await stepsBack() > 0);
  assertEquals((await fetch(page.page, { method: "POST", body: "x" })).status, 405);
  assertEquals(await page.stop(), 0);
  await shows("The server has ended. SIGINT");
  assertEquals(browser.errors, []);
});

Deno.test("live: a handler that throws ends the lesson, and the page says so", async () => {
  const throws = replace("const data = conn.recv(4096);", 'throw new Error("oops");');
  await using page = await live(await changed("06-epoll", throws));
  using conn = await connect(page.lesson);
  await sendAll(conn, REQUEST);
  await page.prints(/(the lesson has ended: exit code 1)/);
  const { lines, ended: how } = await (await fetch(`${page.page}story`)).json();
  assertEquals([/oops/.test(JSON.stringify(lines)), how], [true, "exit code 1"]);
  assertEquals(await page.stop(), 0);
});
