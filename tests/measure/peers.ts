/**
 * `deno task peers`: the lessons under every runtime beside C and CPython in the same models, and beside what one
 * takes instead of writing a server. Every program is started anew in every round, and the rounds
 * alternate, so that what the machine does meanwhile meets all of them.
 */
import { parseArgs } from "node:util";
import { PEERS } from "../peers/peers.ts";
import { NAMES } from "../report/figures.ts";
import { type PeerFigure, peersChart, peersReport, type PeersRun } from "../report/peers.ts";
import { ALL_RUNTIMES, LESSONS, RUNTIMES } from "../support/runtimes.ts";
import { commandLine, startServer } from "../support/servers.ts";
import { COMMON, describeMachine, obtain, progress, readOptions, writeCharts } from "./command.ts";
import { loaded, warmUp } from "./loaded.ts";

const CLIENTS = 10;

const options = readOptions("peers", "", () => parseArgs({ options: COMMON }).values);

const run = await obtain<PeersRun>(options, async () => {
  const started = performance.now();
  const [rounds, seconds] = options.quick ? [1, 0.3] : [5, 0.5];
  const here = PEERS.filter((peer) => !peer.leftOut());
  const missing = [
    ...ALL_RUNTIMES.filter((runtime) => !RUNTIMES.includes(runtime)).map((by) =>
      `the lessons under ${NAMES[by]}`
    ),
    ...PEERS.filter((peer) => peer.leftOut()).map((peer) => `${peer.name}: ${peer.leftOut()}`),
  ];
  const dir = await Deno.makeTempDir();
  const programs = [
    ...LESSONS.flatMap((lesson) =>
      RUNTIMES.map((runtime) => ({
        name: lesson as string,
        model: lesson as string,
        language: NAMES[runtime],
        exact: true,
        command: () => commandLine(lesson, runtime, { args: ["--port", "0"] }),
      }))
    ),
    ...here.map((peer) => ({ ...peer, command: () => peer.command(dir, 0) })),
  ];
  const figures: PeerFigure[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const [i, { name, model, language, exact, command }] of programs.entries()) {
        progress(`round ${round} of ${rounds}, ${i + 1} of ${programs.length}: ${name}, ${language}`);
        try {
          await using server = await startServer(name, command());
          await warmUp(server, CLIENTS, exact);
          const { cpu, rate, failed } = await loaded(server, CLIENTS, seconds, { exact });
          figures.push({ round, name, model, language, cpu, rate, failed });
        } catch (error) {
          missing.push(`${name}, ${language}, round ${round}: ${(error as Error).message}`);
        }
      }
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  return {
    machine: describeMachine(here.some(({ language }) => language === "CPython")),
    seconds: Math.round((performance.now() - started) / 1000),
    clients: CLIENTS,
    figures,
    missing,
  };
});
console.log(peersReport(run));
if (options.svg) await writeCharts(options.svg, { peers: peersChart(run) });
Deno.exit(0);
