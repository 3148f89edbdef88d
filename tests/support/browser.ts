/** A real browser, by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/ */
import { read } from "./proc.ts";
import { succeeds } from "./runtimes.ts";
import { waitFor } from "./wait.ts";

/** The browser that is here, if there is one. */
export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) =>
  succeeds(name, "--version")
);

const OPTIONS = ("headless no-sandbox disable-gpu no-first-run disable-background-networking " +
  "disable-component-update disable-sync hide-scrollbars disable-ipc-flooding-protection " +
  "remote-debugging-port=0 window-size=1200,900").split(" ");

// deno-lint-ignore no-explicit-any
type Reply = any;

/** Start one with an empty page. It ends with the block (`await using`). */
export async function startBrowser() {
  const folder = await Deno.makeTempDir();
  const args = [...OPTIONS.map((option) => `--${option}`), `--user-data-dir=${folder}`, "about:blank"];
  const child = new Deno.Command(CHROMIUM!, { args, stdout: "null", stderr: "null" }).spawn();
  const port = await waitFor("a browser", () => read(`${folder}/DevToolsActivePort`).split("\n")[0]);
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const { webSocketDebuggerUrl } = targets.find(({ type }: { type: string }) => type === "page");
  const socket = new WebSocket(webSocketDebuggerUrl);

  const replies: PromiseWithResolvers<Reply>[] = [];
  /** What went wrong in the page, and where it has asked for something. */
  const [errors, requests]: string[][] = [[], []];
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(data);
    if (error) replies[id].reject(new Error(error.message));
    else if (id !== undefined) replies[id].resolve(result);
    else if (method === "Network.requestWillBeSent") requests.push(params.request.url);
    else if (method === "Runtime.exceptionThrown" || [params.type, params.entry?.level].includes("error")) {
      errors.push(JSON.stringify(params));
    }
  };
  const send = (method: string, params: Record<string, unknown> = {}): Promise<Reply> => {
    const reply = Promise.withResolvers<Reply>();
    socket.send(JSON.stringify({ id: replies.push(reply) - 1, method, params }));
    return reply.promise;
  };
  await new Promise((resolve) => socket.onopen = resolve);
  for (const domain of ["Runtime", "Log", "Network", "Page"]) await send(`${domain}.enable`);

  /** The value of an expression in the page. */
  const evaluate = async (expression: string): Promise<Reply> => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  };
  return {
    errors,
    requests,
    evaluate,
    /** Go to a page, and wait until this is so there. */
    open: async (url: string, ready: string) => {
      await send("Page.navigate", { url });
      await waitFor(`the page ${url}`, () => evaluate(`document.readyState === "complete" && ${ready}`));
    },
    press: async (key: string) => {
      for (const type of ["keyDown", "keyUp"]) await send("Input.dispatchKeyEvent", { type, key });
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      child.kill();
      await child.status;
      await Deno.remove(folder, { recursive: true }).catch(() => {}); // a helper of the browser may still write
    },
  };
}
