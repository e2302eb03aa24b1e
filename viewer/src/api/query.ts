/** Values: what a question is in the interface, and its answer as columns. */

import { pathOf, request } from "./client";

/** A question to one node; the fields are those of `GET /api/v1/query/{dataset}/{node…}`. */
export interface Question {
  dataset: string;
  node: string;
  variables?: string[];
  /** Selectors by coordinate: a value, `a,b`, `from/to`, `nearest:v`. See `quoted` for values with special characters. */
  select?: Record<string, string>;
  units?: Record<string, string>;
  /** Other parameters: `max_points`, `latest`, `resample`, `agg`, `layout`, `tz`, `limit`, `bbox`, `na`. */
  more?: Record<string, string | number>;
}

/** Path and query string of a question, relative to the page; also what is shown to people as a `curl` line. */
export function questionPath(question: Question, format: string): string {
  const query = new URLSearchParams();
  if (question.variables?.length) query.set("var", question.variables.join(","));
  for (const [name, selector] of Object.entries(question.select ?? {})) query.set(`sel.${name}`, selector);
  for (const [name, unit] of Object.entries(question.units ?? {})) query.set(`unit.${name}`, unit);
  for (const [name, value] of Object.entries(question.more ?? {})) query.set(name, String(value));
  query.set("format", format);
  return `${pathOf("api/v1/query", question.dataset, question.node)}?${query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/")}`;
}

/** A value as a selector takes it: in double quotes where it could mean something else. */
export function quoted(value: string): string {
  return /^[A-Za-z_][\w.-]*$|^-?\d+(\.\d+)?$/.test(value) ? value : `"${value.replaceAll('"', '""')}"`;
}

/** An answer by columns; a cell without a value is `""`. */
export interface Columns {
  names: string[];
  cells: Map<string, string[]>;
  n: number;
  /** The folded state that was asked. */
  etag: string | null;
}

export async function ask(question: Question, signal?: AbortSignal): Promise<Columns> {
  const response = await request(questionPath(question, "csv"), signal === undefined ? {} : { signal });
  const { names, columns } = parseCsv(await response.text());
  const n = columns[0]?.length ?? 0;
  return { names, cells: new Map(names.map((name, i) => [name, columns[i] ?? []])), n, etag: response.headers.get("ETag") };
}

/** A column as numbers, NaN where there is none. */
export function numbers(column: string[] | undefined): Float64Array {
  return Float64Array.from(column ?? [], (cell) => (cell === "" ? NaN : Number(cell)));
}

/** A column of times as seconds since 1970 UTC. */
export function seconds(column: string[] | undefined): Float64Array {
  return Float64Array.from(column ?? [], (cell) => Date.parse(cell) / 1000);
}

/** CSV as RFC 4180 says, by columns. */
export function parseCsv(text: string): { names: string[]; columns: string[][] } {
  let i = 0;
  let line: string[] = [];
  const columns: string[][] = [];
  let names: string[] | undefined;
  const endLine = (): void => {
    if (names === undefined) {
      names = line;
      names.forEach(() => columns.push([]));
    } else if (line.length > 1 || line[0] !== "" || names.length === 1) {
      columns.forEach((column, at) => column.push(line[at] ?? ""));
    }
    line = [];
  };
  while (i < text.length) {
    let cell: string;
    if (text[i] === '"') {
      let end = i + 1;
      cell = "";
      for (;;) {
        const next = text.indexOf('"', end);
        if (next < 0) {
          cell += text.slice(end);
          end = text.length;
          break;
        }
        cell += text.slice(end, next);
        end = next + 1;
        if (text[end] !== '"') break;
        cell += '"';
        end++;
      }
      i = end;
    } else {
      let end = i;
      while (end < text.length && text[end] !== "," && text[end] !== "\n" && text[end] !== "\r") end++;
      cell = text.slice(i, end);
      i = end;
    }
    line.push(cell);
    if (text[i] === ",") {
      i++;
      if (i === text.length || text[i] === "\n" || text[i] === "\r") {
        line.push("");
      } else continue;
    }
    if (text[i] === "\r") i++;
    if (text[i] === "\n") i++;
    endLine();
  }
  return { names: names ?? [], columns };
}
