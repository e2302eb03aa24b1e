/** What the service made of a file in a dry run: columns, rows, what does not fit. */

import type { Outcome, Problem } from "../api/client";
import { problemTable } from "../contributions/problems";
import { h } from "../dom";
import { formatCount, formatUnit } from "../format";
import { t, tn } from "../i18n";

/** A column of the decoded table, and what it becomes. */
interface Column {
  name: string;
  variable?: string | null;
  role?: string | null;
  unit?: string | null;
  source_unit?: string | null;
}

/** What a dry run answers beside the outcome. */
export interface Preview {
  columns: Column[];
  /** Columns that coordinates are read from and that are not there. */
  missing: string[];
  /** The first rows, cells as text; none of arrays. */
  rows: (string | null)[][];
  n_rows: number;
  /** How long the dimensions of the node would be. */
  dimensions?: { name: string; length: number; added: number }[];
}

/** The answer of a dry run; `problem` where nothing could be taken. */
export interface Trial {
  outcome?: Outcome;
  preview?: Preview | null | undefined;
  problem?: Problem;
}

type Item = Outcome["problems"][number];

export function showTrial({ outcome, preview, problem }: Trial): HTMLElement[] {
  const problems: Item[] = outcome?.problems ?? problem?.problems ?? [];
  const n = outcome?.n_problems ?? problem?.n_problems ?? problems.length;
  const parts: (HTMLElement | null)[] = [verdict(outcome, problem)];
  if (preview) {
    const { missing, dimensions = [] } = preview;
    const unused = preview.columns.filter(({ role }) => !role).map(({ name }) => name);
    const lengths = dimensions.map(({ name, length }) => `${name} ${formatCount(length)}`);
    parts.push(
      lengths.length > 0 ? h("p", { class: "small" }, t("upload_dimensions", { dimensions: lengths.join(" × ") })) : null,
      missing.length > 0 ? h("p", { class: "callout warn" }, tn("upload_missing", missing.length, { names: missing.join(", ") })) : null,
      unused.length > 0 ? h("p", { class: "callout" }, tn("upload_unused", unused.length, { names: unused.join(", ") })) : null,
      h("section", { class: "stack" }, h("h2", {}, t("upload_columns")), columnTable(preview.columns)),
      preview.rows.length > 0 ? h("section", { class: "stack" }, h("h2", {}, t("upload_table")), rowTable(preview, problems)) : null,
    );
  }
  // Those of the rows above stand there already.
  const others = problems.filter(({ row }) => !preview || !row || row > preview.rows.length);
  if (others.length > 0) parts.push(h("section", { class: "stack" }, h("h2", {}, t("contributions_problems")), problemTable(others, others.length === problems.length ? n : n - problems.length + others.length)));
  return parts.filter((part) => part !== null);
}

function verdict(outcome: Outcome | undefined, problem: Problem | undefined): HTMLElement {
  if (outcome === undefined) return h("p", { class: "callout error", role: "status" }, problem?.detail ?? t("upload_nothing"));
  const { n_rows_read: read, n_rows_accepted: accepted, n_coordinates_added: added } = outcome;
  const kind = accepted === 0 ? "error" : accepted < read ? "warn" : "ok";
  const text = tn(accepted === 0 ? "upload_none_fits" : accepted < read ? "upload_some_fit" : "upload_all_fit", read, { accepted: formatCount(accepted), rejected: formatCount(outcome.n_rows_rejected) });
  return h("p", { class: `callout ${kind}`, role: "status" }, text, added > 0 ? ` ${tn("upload_new_coordinates", added)}` : null);
}

function columnTable(columns: Column[]): HTMLElement {
  const units = ({ unit, source_unit: source }: Column): string => {
    const [stored, delivered] = [formatUnit(unit), formatUnit(source)];
    if (stored === "" && delivered === "") return "";
    return delivered === "" || delivered === stored ? stored : `${delivered} → ${stored || "–"}`;
  };
  const rows = columns.map((column) =>
    h(
      "tr",
      { class: column.role ? undefined : "unused" },
      h("th", { scope: "row" }, column.name),
      h("td", {}, column.role ? h("span", {}, h("span", { class: "muted", "aria-hidden": "true" }, "→ "), column.variable ?? "") : h("span", { class: "muted" }, t("upload_not_used"))),
      h("td", {}, column.role ? h("span", { class: `chip ${column.role}` }, t(column.role === "coordinate" ? "upload_coordinate" : "upload_variable")) : null),
      h("td", {}, units(column)),
    ),
  );
  return table(t("upload_columns"), [t("upload_column"), t("upload_becomes"), t("upload_role"), t("upload_unit")], rows);
}

function rowTable({ columns, rows, n_rows }: Preview, problems: Item[]): HTMLElement {
  const body = rows.map((cells, at) => {
    const here = problems.filter(({ row }) => row === at + 1);
    const reason = here.map(({ column, reason }) => (column ? `${column}: ${reason}` : reason)).join("; ");
    return h(
      "tr",
      { class: here.length > 0 ? "rejected" : undefined },
      h("th", { scope: "row", class: "num" }, formatCount(at + 1)),
      ...cells.map((cell, i) => {
        const name = columns[i]?.name;
        const isWrong = here.some(({ column }) => column === name);
        return h("td", { class: [isWrong ? "wrong" : "", columns[i]?.role ? "" : "muted"].join(" ").trim() || undefined }, cell ?? "");
      }),
      h("td", { class: "error reason" }, reason),
    );
  });
  const isSome = body.some((row) => row.classList.contains("rejected"));
  return h(
    "div",
    { class: isSome ? undefined : "no-reasons" },
    table(t("upload_table"), ["#", ...columns.map(({ name }) => name), t("contributions_reason")], body),
    n_rows > rows.length ? h("p", { class: "muted small" }, t("upload_first_rows", { shown: formatCount(rows.length), n: formatCount(n_rows) })) : null,
  );
}

function table(label: string, head: string[], rows: HTMLElement[]): HTMLElement {
  return h(
    "div",
    { class: "scroll panel table", tabIndex: 0, role: "region", "aria-label": label },
    h("table", { class: "data" }, h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, ...rows)),
  );
}
