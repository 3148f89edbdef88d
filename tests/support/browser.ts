/** A real browser, by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/ */
import { succeeds } from "./runtimes.ts";
import { waitFor } from "./wait.ts";

/** Whether there is one here. */
export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) =>
  succeeds(name, "--version")
);

// deno-lint-ignore no-explicit-any
type Reply = any;

/** A page in a browser of its own, which ends with the block (`await using`). */
export class Browser implements AsyncDisposable {
  /** What went wrong in the page, and where it has asked for something. */
  readonly errors: string[] = [];
  readonly requests: string[] = [];
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  #next = 0;

  private constructor(
    readonly child: Deno.ChildProcess,
    readonly folder: string,
    readonly socket: WebSocket,
  ) {
    socket.onmessage = ({ data }) => {
      const { id, result, error, method, params } = JSON.parse(data);
      if (id !== undefined) {
        if (error) this.#waiting.get(id)!.reject(new Error(error.message));
        else this.#waiting.get(id)!.resolve(result);
      } else if (method === "Runtime.exceptionThrown") {
        this.errors.push(params.exceptionDetails.exception?.description);
      } else if (method === "Log.entryAdded" && params.entry.level === "error") {
        this.errors.push(params.entry.text);
      } else if (method === "Runtime.consoleAPICalled" && params.type === "error") {
        this.errors.push(JSON.stringify(params.args));
      } else if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    };
  }

  static async start(width = 1200, height = 900): Promise<Browser> {
    const folder = await Deno.makeTempDir();
    const options =
      "headless no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update disable-sync hide-scrollbars disable-ipc-flooding-protection";
    const child = new Deno.Command(CHROMIUM!, {
      args: [
        ...options.split(" ").map((option) => `--${option}`),
        `--user-data-dir=${folder}`,
        "--remote-debugging-port=0",
        `--window-size=${width},${height}`,
        "about:blank",
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const port = await waitFor("a browser", () => {
      try {
        return Deno.readTextFileSync(`${folder}/DevToolsActivePort`).split("\n")[0];
      } catch {
        return undefined;
      }
    });
    const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const socket = new WebSocket(
      targets.find(({ type }: { type: string }) => type === "page").webSocketDebuggerUrl,
    );
    await new Promise((resolve) => socket.onopen = resolve);
    const browser = new Browser(child, folder, socket);
    for (const domain of ["Runtime", "Log", "Network", "Page"]) await browser.send(`${domain}.enable`);
    return browser;
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Reply> {
    const id = ++this.#next;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async open(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
    await waitFor(
      `the page ${url}`,
      () => this.evaluate("document.readyState === 'complete' && !!document.querySelector('.run')"),
    );
  }

  // deno-lint-ignore no-explicit-any
  async evaluate(expression: string): Promise<any> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async press(key: string): Promise<void> {
    for (const type of ["keyDown", "keyUp"]) await this.send("Input.dispatchKeyEvent", { type, key });
  }

  async [Symbol.asyncDispose]() {
    this.socket.close();
    this.child.kill();
    await this.child.status;
    await Deno.remove(this.folder, { recursive: true }).catch(() => {}); // a helper of the browser may still write
  }
}
