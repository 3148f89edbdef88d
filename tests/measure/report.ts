/** What `compare` prints: the matrix, the relations, the verdicts. No line is wider than 110 columns. */
import { LANGUAGES, type Model, MODELS } from "../peers/programs.ts";
import { type Figure, ratio, type Run, value } from "./figures.ts";
import { answer, CLAIMS, JUDGED, type Question, RELATIONS } from "./verdicts.ts";

/** A number with thousands separated. */
export function cell(value: number, digits = 0): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A number of times. */
export const times = (ratio: number): string => cell(ratio, ratio >= 10 ? 0 : ratio >= 0.1 ? 1 : 2);

/** A table: the first column is words, the others numbers. Rows that hold nothing but dashes are left out. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const told = rows.filter(([_, ...cells]) => cells.some((text) => text !== "–"));
  if (told.length === 0) return "";
  const widths = head.map((_, i) => Math.max(...[head, ...told].map((row) => [...row[i]].length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join("  ").trimEnd();
  return `${[head, ...told].map(line).join("\n")}\n`;
}

/** CPU time for a request, and in brackets to that of C in the same model. */
function matrix(figures: readonly Figure[]): string {
  const rows = MODELS.map((model) => [
    model === "own server" ? "own server*" : model,
    ...LANGUAGES.map((language) => {
      const cpu = { quantity: "cpu at 10", model, language } as const;
      const [µs, toC] = [value(figures, cpu), ratio(figures, cpu, inC(model))];
      return µs === undefined ? "–" : cell(µs) + (toC ? ` (${cell(toC, toC < 10 ? 2 : 0)})` : "");
    }),
  ]);
  return table(["µs (÷ C)", ...LANGUAGES], rows);
}

/** What a model is set in relation to: where nobody writes his own server, C's 06. */
export const inC = (model: Model) => (
  { quantity: "cpu at 10", model: model === "own server" ? "06-epoll" : model, language: "C" } as const
);

/** A row for each question, a column for each language: what was found, and whether it is true where that is asked. */
function answers(head: string, questions: readonly Question[], figures: readonly Figure[]): string {
  const rows = questions.map((question) => [
    question.says,
    ...JUDGED.map((language) => {
      const found = answer(question, figures, language);
      if (!found) return "–";
      const { unit = "", least, most } = question;
      const figure = `${unit === "×" ? times(found.figure) : cell(found.figure)}${unit && ` ${unit}`}`;
      return least === undefined && most === undefined ? figure : `${found.holds} ${figure.padStart(5)}`;
    }),
  ]);
  return table([head, ...JUDGED], rows);
}

/** Everything, and what went wrong. */
export function report({ machine, seconds, figures, notes, faults }: Run): string {
  const rounds = Math.max(0, ...figures.map(({ round }) => round));
  const lines = (head: string, texts: readonly string[]) =>
    texts.length > 0 ? [head, ...texts, ""].join("\n") : "";
  return [
    `CPU time of the server for a request, ten clients at once: ${
      rounds > 1 ? `medians of ${rounds} rounds` : "one round"
    }.
÷ C: to C in the same model, the median of the rounds' ratios, which need not be the ratio of the medians.
`,
    matrix(figures) + "* nginx, Deno.serve, Bun.serve, node:http, to C's 06-epoll\n",
    answers("In relation, also round by round", RELATIONS, figures),
    answers("What the article says, and what was found", CLAIMS, figures) + LIMITS,
    lines(machine[0], [...machine.slice(1), `${cell(seconds)} s`]),
    lines("Not measured, or not answered rightly:", notes),
    lines("MEASURING FAULTS, figures that cannot be and were not taken:", faults),
  ].filter((part) => part !== "").join("\n");
}

/** Whose limit it is that threads end at. */
const LIMITS = `* the lesson's own threads, under limits that this measurement sets so that it ends soon:
  256 descriptors, in CPython 1 GB of addresses
`;
