/**
 * `deno task traces [deno|bun]`: the same story under each lesson, as `--trace` tells it. A
 * silent client connects; an ordinary one is served; the silent one leaves.
 */
import { connect, get, LESSONS, type Runtime, RUNTIMES, start, waitFor } from "./harness.ts";

const runtime = (Deno.args[0] ?? "deno") as Runtime;
if (!RUNTIMES.includes(runtime)) {
  console.error(`traces: there is ${RUNTIMES.join(", ")} here, but no ${runtime}`);
  Deno.exit(2);
}
const pause = () => new Promise((resolve) => setTimeout(resolve, 150)); // so that waiting can be seen

for (const lesson of LESSONS) {
  await using server = await start(lesson, runtime, { args: ["--trace"] });
  const shows = (text: RegExp) => waitFor(`${text}`, () => server.stdout.some((line) => text.test(line)));
  if (lesson === "03-thread-pool") await shows(/worker 4 .*accept/);
  await pause();
  const silent = await connect(server);
  await shows(/accept\(\d+\) = \d+ .*:\d+$/);
  await pause();
  await get(server);
  await pause();
  silent.close();
  await waitFor("two closed connections", () => {
    const closes = server.stdout.filter((line) =>
      /(worker|child).*close\(\d+\) = 0|main .*close/.test(line)
    ).length;
    return closes >= (lesson === "01-fork" ? 6 : 2);
  });
  console.log(`${lesson}\n${server.stdout.slice(2).join("\n")}\n`);
}
