/**
 * `deno task traces [deno|bun|node]`: the same story under each lesson, as `--trace` tells it. A
 * silent client connects; an ordinary one is served; the silent one leaves.
 */
import { connect, get } from "../support/clients.ts";
import { LESSONS, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { start } from "../support/servers.ts";
import { pause, waitFor } from "../support/wait.ts";

const runtime = (Deno.args[0] ?? "deno") as Runtime;
if (!RUNTIMES.includes(runtime)) {
  console.error(`traces: there is ${RUNTIMES.join(", ")} here, but no ${runtime}`);
  Deno.exit(2);
}
const PAUSE = 150; // ms, so that waiting can be seen

for (const lesson of LESSONS) {
  await using server = await start(lesson, runtime, { args: ["--trace"] });
  const shows = (text: RegExp) => waitFor(`${text}`, () => server.stdout.some((line) => text.test(line)));
  if (lesson === "03-thread-pool") await shows(/worker 4 .*accept/);
  await pause(PAUSE);
  const silent = await connect(server);
  await shows(/accept\(\d+\) = \d+ .*:\d+$/);
  await pause(PAUSE);
  await get(server);
  await pause(PAUSE);
  silent.close();
  await waitFor("two closed connections", () => {
    const closes = server.stdout.filter((line) =>
      /(worker|child).*close\(\d+\) = 0|main .*close/.test(line)
    ).length;
    return closes >= (lesson === "01-fork" ? 6 : 2);
  });
  console.log(`${lesson}\n${server.stdout.filter((line) => / ms /.test(line)).join("\n")}\n`);
}
