/** Threads that make thousands of calls and end, while their engine still compiles such calls beside them. */
import { Socket } from "../../shared/socket.ts";
import { isMainThread, Thread } from "../../shared/thread.ts";

export function target() {
  const socket = new Socket();
  for (let i = 0; i < 2000; i++) socket.listen(1);
  socket.close();
}

for (let round = 0; isMainThread && round < 20; round++) {
  const threads = [0, 1, 2].map(() => new Thread({ module: import.meta.url, target, args: [] }));
  for (const thread of threads) await thread.start();
  for (const thread of threads) await thread.join();
}
if (isMainThread) console.log("ok");
