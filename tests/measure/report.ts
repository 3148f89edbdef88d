/** What `compare` prints: the matrix, the relations, the verdicts. No line is wider than 110 columns. */
import { LANGUAGES, MODELS } from "../peers/programs.ts";
import { figure, type Figures, type Run, subject } from "./figures.ts";
import { CLAIMS, judge, JUDGED, type Question, RELATIONS } from "./verdicts.ts";

/** A number with thousands separated. */
export const cell = (value: number, digits = 0): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** So many times, in about three digits. */
const times = (ratio: number, digits = ratio < 0.095 ? 2 : 1): string =>
  `${cell(ratio, ratio < 9.95 ? digits : 0)} ×`;

/** A table: the first column is words, the others numbers. */
function table(...rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join("  ");
  return rows.map(line).join("\n");
}

/** What each program costs for a request, µs, and how many times as much as C's in its model: other servers, as 06. */
function matrix(figures: Figures): string {
  const rows = MODELS.map((model) => {
    const of = subject(model, "at 10");
    const costs = LANGUAGES.map((language) => {
      const cpu = figure(figures, of, language);
      const toC = figure(figures, of, language, model === "own server" ? "06 at 10" : of, "C");
      return cpu === undefined ? "–" : cell(cpu) + (toC ? ` (${cell(toC, toC < 9.995 ? 2 : 0)})` : "");
    });
    return [model === "own server" ? "own server*" : model, ...costs];
  });
  return table(["µs (÷ C)", ...LANGUAGES], ...rows);
}

/** A row for each question, a column for each language: what was found and, where that is asked, whether it is true. */
function answers(head: string, questions: readonly Question[], figures: Figures): string {
  const rows = questions.map((question) => {
    const [says, of, to, bounds] = question;
    const found = JUDGED.map((language) => {
      const { found, holds } = judge(question, figures, language) ?? {};
      if (found === undefined) return "–";
      if (!bounds) return times(found, 2);
      const said = to ? times(found) : cell(found) + (of.endsWith("idle") ? " %" : "");
      return `${holds} ${said.padStart(5)}`;
    });
    return [says, ...found];
  });
  return table([head, ...JUDGED], ...rows);
}

/** Everything, and what went wrong. */
export function report({ machine, seconds, rounds, figures, notes }: Run): string {
  const inRounds = rounds > 1 ? `medians of ${rounds} rounds` : "one round";
  return `CPU time of the server for a request, ten clients at once: ${inRounds}. In brackets, to C's:
the median of the rounds' ratios, which need not be the ratio of the medians.

${matrix(figures)}
* nginx, Deno.serve, Bun.serve, node:http; ÷ 06-epoll in C

${answers("How many times as much, also round by round", RELATIONS, figures)}

${answers("What the article says, and what was found", CLAIMS, figures)}
÷ of the CPU times for a request; 03 ÷ 02 of the requests a second, with a hundred clients.
* threads of the lesson, under limits that are set here so that it ends soon: 256 descriptors, in CPython 1 GB
  of addresses

${machine.join("\n")}
${cell(seconds)} s
${notes.length > 0 ? `\nNot measured, or not answered rightly:\n${notes.join("\n")}\n` : ""}`;
}
