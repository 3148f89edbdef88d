/** A real browser, by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/ */
import { read } from "./proc.ts";
import { succeeds } from "./runtimes.ts";
import { until } from "./wait.ts";

/** The browser that is here, if there is one. */
export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) =>
  succeeds(name, "--version")
);

const OPTIONS = ("headless no-sandbox disable-gpu no-first-run disable-background-networking disable-sync " +
  "disable-component-update disable-ipc-flooding-protection remote-debugging-port=0").split(" ");

/** Start one with an empty page. It ends with the block (`await using`). */
export async function startBrowser() {
  const folder = await Deno.makeTempDir();
  const args = [...[...OPTIONS, `user-data-dir=${folder}`].map((option) => `--${option}`), "about:blank"];
  const child = new Deno.Command(CHROMIUM!, { args, stdout: "null", stderr: "null" }).spawn();
  const port = await until(() => read(`${folder}/DevToolsActivePort`).split("\n")[0], "a browser");
  const page = await fetch(`http://127.0.0.1:${port}/json/new`, { method: "PUT" });
  const socket = new WebSocket((await page.json()).webSocketDebuggerUrl);
  await new Promise((resolve) => socket.onopen = resolve);

  // deno-lint-ignore no-explicit-any
  const replies: PromiseWithResolvers<any>[] = [];
  /** What went wrong in the page; a request that its policy forbids, too. */
  const errors: string[] = [];
  socket.onmessage = ({ data }) => {
    const { id, result, method, params } = JSON.parse(data);
    if (id !== undefined) replies[id].resolve(result);
    else if (/error|exception/.test(`${method} ${params.type} ${params.entry?.level}`)) errors.push(data);
  };
  const send = (method: string, params = {}) => {
    const id = replies.push(Promise.withResolvers()) - 1;
    socket.send(JSON.stringify({ id, method, params }));
    return replies[id].promise;
  };
  for (const domain of ["Runtime", "Log", "Page"]) await send(`${domain}.enable`);

  /** The value of an expression in the page; nothing if it throws. */
  const evaluate = async (expression: string) =>
    (await send("Runtime.evaluate", { expression, returnByValue: true })).result?.value;
  /** Wait until an expression is true. */
  const holds = (expression: string) => until(() => evaluate(expression), expression);
  return {
    errors,
    evaluate,
    holds,
    /** Go to a page, and wait until this is so there. */
    open: async (url: string, ready: string) => {
      await send("Page.navigate", { url });
      await holds(`document.readyState === "complete" && ${ready}`);
    },
    /** Press a key so many times. */
    press: async (key: string, times = 1) => {
      const types = Array(times).fill(["keyDown", "keyUp"]).flat();
      await Promise.all(types.map((type) => send("Input.dispatchKeyEvent", { type, key })));
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      child.kill();
      await child.status;
      await Deno.remove(folder, { recursive: true }).catch(() => {}); // a helper of the browser may still write
    },
  };
}
