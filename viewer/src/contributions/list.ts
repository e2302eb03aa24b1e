/** Contributions, newest first: the rows of the table, kept up to date by events. */

import type { Contribution } from "../api/client";
import { h, put } from "../dom";
import { formatBytes, formatCount } from "../format";
import { t, tn } from "../i18n";
import { agoElement, statusPill } from "../parts";
import type { Context } from "../view";

/** What a row shows; the event `contribution` brings it too. */
export interface Line {
  id: string;
  seq: number;
  status: string;
  dataset: string;
  node: string;
  endpoint: string;
  sender?: string | null | undefined;
  received_at: string;
  n_bytes: number;
  content_type?: string | undefined;
  n_rows_read?: number | null | undefined;
  n_rows_accepted?: number | null | undefined;
  n_problems?: number | undefined;
  /** The first of them; pages of the list come without. */
  problem?: string | null | undefined;
}

export interface Filter {
  dataset: string;
  node: string;
  status: string;
  endpoint: string;
}

export const lineOf = ({ outcome, ...rest }: Contribution): Line => ({
  ...rest,
  n_rows_read: outcome?.n_rows_read,
  n_rows_accepted: outcome?.n_rows_accepted,
  n_problems: outcome?.n_problems,
  problem: outcome?.problems[0]?.reason,
});

export const fits = (line: Line, filter: Filter): boolean =>
  (filter.dataset === "" || line.dataset === filter.dataset) &&
  (filter.node === "" || line.node === filter.node) &&
  (filter.status === "" || line.status === filter.status) &&
  (filter.endpoint === "" || line.endpoint === filter.endpoint);

/** Places `line` among others by time, newest first, or instead of its former state; at most `max` are kept. */
export function placed(lines: readonly Line[], line: Line, max: number): Line[] {
  const before = lines.find(({ id }) => id === line.id);
  if (before !== undefined) return lines.map((other) => (other.id === line.id ? { ...before, ...line } : other));
  const at = lines.findIndex((other) => other.received_at <= line.received_at);
  return (at < 0 ? [...lines, line] : [...lines.slice(0, at), line, ...lines.slice(at)]).slice(0, max);
}

/** Brings the rows of `body` to `lines`; a row that stays is the same element, so that focus and place are kept. */
export function showLines(body: HTMLElement, lines: readonly Line[], chosen: string, context: Context): void {
  const rows = new Map([...body.children].map((row) => [(row as HTMLElement).dataset.id ?? "", row as HTMLElement]));
  let next = body.firstElementChild;
  for (const line of lines) {
    const version = JSON.stringify([line, context.zone()]);
    let row = rows.get(line.id);
    if (row === undefined) {
      row = h("tr", { "data-id": line.id });
      body.insertBefore(row, next);
    } else if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
    rows.delete(line.id);
    if (row.dataset.version !== version) {
      row.dataset.version = version;
      fill(row, line, context);
    }
    row.classList.toggle("chosen", line.id === chosen);
    const link = row.querySelector("a");
    if (link !== null) {
      link.href = context.link({ more: { ...context.state().more, id: line.id } });
      if (line.id === chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  for (const row of rows.values()) row.remove();
}

function fill(row: HTMLElement, line: Line, context: Context): void {
  const place = [line.dataset, line.node].filter(Boolean).join("/");
  const why = line.problem ?? (line.n_problems ? tn("shell_problems_n", line.n_problems) : "");
  const hadFocus = row.contains(document.activeElement);
  put(
    row,
    h("td", { class: "when" }, h("a", { class: "open" }, agoElement(line.received_at, context.zone()))),
    h("td", { class: "outcome" }, statusPill(line.status)),
    h("td", { class: "place" }, place, line.endpoint === line.dataset ? null : h("span", { class: "muted" }, ` ← ${line.endpoint}`)),
    h("td", { class: "from" }, line.sender ?? ""),
    h("td", { class: "num rows" }, rowsText(line)),
    h("td", { class: "num bytes" }, formatBytes(line.n_bytes)),
    h("td", { class: "why clip muted", title: why }, why),
  );
  if (hadFocus) row.querySelector("a")?.focus();
}

/** `7/8`: accepted of all; one number when they are the same. */
export function rowsText({ n_rows_read: read, n_rows_accepted: accepted }: Line): string {
  if (read === undefined || read === null) return "…";
  return accepted === read ? formatCount(read) : t("contributions_of", { accepted: formatCount(accepted ?? 0), read: formatCount(read) });
}
