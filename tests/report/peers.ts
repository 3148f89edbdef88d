/** What `peers` found, as a table and as a chart: each program beside C in the same model. */
import { LESSONS } from "../support/runtimes.ts";
import { type Machine, median, NAMES } from "./figures.ts";
import { escape, page, palette, short } from "./svg.ts";
import { cell, describe, table } from "./tables.ts";

/** One program in one round. */
export interface PeerFigure {
  round: number;
  /** Such as `06-epoll` or `nginx`. */
  name: string;
  /** The lesson whose model it has, or what else it is. */
  model: string;
  /** What it runs on, or is written in. */
  language: string;
  /** CPU time of the server and its children for a request, µs. */
  cpu: number;
  /** Requests a second. */
  rate: number;
  /** Requests that got no right answer. */
  failed: number;
}

/** Everything that one run of `peers` found. */
export interface PeersRun {
  machine: Machine;
  seconds: number;
  /** Clients at once. */
  clients: number;
  figures: PeerFigure[];
  /** What is not installed, in words. */
  missing: string[];
}

/** One program over all rounds. */
export interface Peer {
  name: string;
  model: string;
  language: string;
  /** Medians. */
  cpu: number;
  rate: number;
  /** To C in the same model, of 06 where there is none: the median of the rounds' ratios, the least and the greatest. */
  ratio?: { median: number; least: number; most: number };
  failed: number;
}

const C = "C";
const MODELS: readonly string[] = LESSONS;
/** In the group of a model, what a program is written in tells it apart. */
const label = (name: string, model: string, language: string) => MODELS.includes(model) ? language : name;

/** The programs, group by group in the order of the lessons, each group from cheap to dear. */
export function ranking(figures: readonly PeerFigure[]): Peer[] {
  const groups = Map.groupBy(figures, ({ name, model, language }) => [model, name, language].join("\0"));
  const peers = [...groups.values()].map((rounds): Peer => {
    const { name, model, language } = rounds[0];
    const ratios = rounds.flatMap(({ round, cpu }) => {
      const inC = (model: string) =>
        figures.find((other) => other.language === C && other.model === model && other.round === round);
      const base = inC(model) ?? inC("06-epoll");
      return base ? [cpu / base.cpu] : [];
    });
    return {
      name,
      model,
      language,
      cpu: median(rounds.map(({ cpu }) => cpu)),
      rate: median(rounds.map(({ rate }) => rate)),
      failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
      ...(ratios.length > 0 &&
        { ratio: { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) } }),
    };
  });
  const place = (model: string) => MODELS.includes(model) ? MODELS.indexOf(model) : MODELS.length;
  return peers.toSorted((a, b) => place(a.model) - place(b.model) || a.cpu - b.cpu);
}

/** In short: a row for each model, a column for what it is written in; in brackets to C. */
export function matrix(figures: readonly PeerFigure[]): string {
  const peers = ranking(figures);
  const text = (peer: Peer | undefined) =>
    peer
      ? `${cell(peer.cpu)}${
        peer.ratio ? ` (${cell(peer.ratio.median, peer.ratio.median < 10 ? 2 : 0)})` : ""
      }`
      : "–";
  const inModels = peers.filter(({ model }) => MODELS.includes(model));
  const languages = [...new Set([C, NAMES.python, ...Object.values(NAMES)])].filter((language) =>
    inModels.some((peer) => peer.language === language)
  );
  const rows = MODELS.filter((model) => inModels.some((peer) => peer.model === model)).map((model) => [
    model,
    ...languages.map((language) =>
      text(inModels.find((peer) => peer.model === model && peer.language === language))
    ),
  ]);
  const others = peers.filter(({ model }) => !MODELS.includes(model)).map((peer) =>
    `${peer.name} ${text(peer)}`
  );
  return table("", ["µs (÷ C)", ...languages], rows, 1).trimStart() +
    (others.length > 0 ? `${others.join(", ")}\n` : "");
}

/** The table, what it was measured on, and what went wrong. */
export function peersReport({ machine, seconds, clients, figures, missing }: PeersRun): string {
  const rows = ranking(figures).map(({ name, model, language, cpu, rate, ratio, failed }) => [
    model,
    label(name, model, language),
    cell(cpu, cpu < 100 ? 1 : 0),
    cell(ratio?.median, 2),
    ratio ? `${cell(ratio.least, 2)} – ${cell(ratio.most, 2)}` : "–",
    cell(rate),
    failed > 0 ? cell(failed) : "",
  ]);
  const rounds = Math.max(...figures.map(({ round }) => round));
  return [
    matrix(figures),
    table(
      `CPU time of the server for a request, ${clients} clients at once; ${
        rounds > 1 ? `medians of ${rounds} rounds` : "one round"
      }`,
      [
        "model",
        "program",
        "µs",
        "÷ C",
        "least – most",
        "requests/s",
        figures.some((f) => f.failed) ? "failed" : "",
      ],
      rows,
    ) + NOTE,
    describe(machine),
    missing.length > 0 ? `Left out:\n${missing.join("\n")}\n` : "",
    `${cell(seconds)} s\n`,
  ].filter((part) => part !== "").join("\n");
}

const NOTE = `÷ C: round by round, to C in the same model, or to C's 06 where it has no such model.
Compare the CPU time: a server that sleeps makes its client pay for waking it. So 04, which never
sleeps, may answer the most requests a second on an idle machine, and still be dear.
`;

const WIDTH = 880;
const LEFT = 220;
const RIGHT = 130;
const ROW = 18;
const HEAD = 80;

/** The chart: a dot for each program on a logarithmic scale, group by group, from cheap to dear. */
export function peersChart({ figures, clients }: PeersRun): string {
  const peers = ranking(figures);
  const groups = [...Map.groupBy(peers, ({ model }) => model)];
  const bottom = Math.floor(Math.log10(Math.min(...peers.map(({ cpu }) => cpu))));
  const top = Math.ceil(Math.log10(Math.max(...peers.map(({ cpu }) => cpu))));
  const px = (cpu: number) => LEFT + (Math.log10(cpu) - bottom) / (top - bottom) * (WIDTH - LEFT - RIGHT);
  const height = HEAD + groups.length * ROW * 1.8 + peers.length * ROW;
  const languages = [C, "Deno", "Bun", "Node.js", "CPython"];
  const style = (language: string) => [4, 2, 3, 1, 0][languages.indexOf(language)] ?? 5;

  const parts: string[] = [];
  for (let power = bottom; power <= top; power++) {
    const at = px(10 ** power).toFixed(1);
    parts.push(`<path class="grid" d="M${at} ${HEAD - 14}V${height - 12}"/>`);
    parts.push(`<text x="${at}" y="${HEAD - 20}" text-anchor="middle">${short(10 ** power)}</text>`);
  }
  let y = HEAD;
  for (const [model, members] of groups) {
    y += ROW * 0.8;
    parts.push(
      `<text x="12" y="${y.toFixed(1)}" class="strong">${
        MODELS.includes(model) ? model : "instead of a lesson"
      }</text>`,
    );
    y += ROW;
    for (const { name, language, cpu, ratio } of members) {
      const said = `${cell(cpu, cpu < 100 ? 1 : 0)}${
        ratio ? `, ${cell(ratio.median, ratio.median < 10 ? 2 : 0)} × C` : ""
      }`;
      const at = px(cpu).toFixed(1);
      parts.push(
        `<text x="${LEFT - 12}" y="${y.toFixed(1)}" text-anchor="end">${
          escape(label(name, model, language))
        }</text>`,
        `<path class="grid" d="M${LEFT} ${(y - 4).toFixed(1)}H${at}"/>`,
        `<circle cx="${at}" cy="${(y - 4).toFixed(1)}" r="5" class="dot" ${palette(style(language))}/>`,
        `<text x="${(Number(at) + 10).toFixed(1)}" y="${y.toFixed(1)}">${said}</text>`,
      );
      y += ROW;
    }
  }
  const values = `CPU time of the server for a request, µs; ${clients} clients at once`;
  return page(WIDTH, Math.ceil(height), "The lessons beside their peers", values, parts.join("\n"));
}
