/** What a plot shows, as a table for those who do not see it. */

import { h } from "../dom";
import { formatTime } from "../format";
import { t } from "../i18n";
import type { Track } from "./lines";
import type { Window } from "./window";

/** Most times in the table. */
const MAX_ROWS = 200;

export function valuesTable(columns: { label: string; unit: string; track: Track }[], window: Window, zone: string): HTMLElement {
  const cells = new Map<number, Map<number, number>>();
  columns.forEach(({ track: { times, values } }, column) => {
    times.forEach((time, i) => {
      if (time < window.from || time > window.to) return;
      const row = cells.get(time) ?? new Map<number, number>();
      cells.set(time, row);
      row.set(column, values[i] ?? NaN);
    });
  });
  const times = [...cells.keys()].sort((a, b) => a - b);
  const rows = times.slice(0, MAX_ROWS).map((time) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", class: "num nowrap" }, formatTime(time * 1000, zone)),
      ...columns.map((_, column) => {
        const value = cells.get(time)?.get(column);
        return h("td", { class: "num" }, value === undefined ? "" : String(Number(value.toPrecision(7))));
      }),
    ),
  );
  const head = h("tr", {}, h("th", { scope: "col" }, `${t("series_time")} (${zone})`), ...columns.map(({ label, unit }) => h("th", { scope: "col", class: "num" }, unit === "" ? label : `${label} (${unit})`)));
  return h(
    "div",
    { class: "scroll values-table", tabIndex: 0, role: "region", "aria-label": t("series_table") },
    h("table", { class: "data" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    times.length > MAX_ROWS && h("p", { class: "muted small" }, t("series_table_first", { n: MAX_ROWS })),
  );
}
