/** What was not taken, in a table, and what may not be what is meant. */

import type { Outcome, Problem } from "../api/client";
import { h } from "../dom";
import { formatCount } from "../format";
import { t } from "../i18n";

type Item = Outcome["problems"][number] | NonNullable<Problem["problems"]>[number];

/** Warnings of an outcome; none if there are none. */
export function warningList(warnings: readonly string[] | undefined): HTMLElement | null {
  if (!warnings?.length) return null;
  return h("ul", { class: "callout warn", "aria-label": t("contributions_warnings") }, ...warnings.map((warning) => h("li", {}, warning)));
}

/** `3`, or `3, line 5` where the line of the body is known. */
function place({ row, line }: Item): string {
  const known = row === undefined || row === null ? "–" : formatCount(row);
  return line === undefined || line === null ? known : `${known}, ${t("contributions_line", { n: formatCount(line) })}`;
}

export function problemTable(problems: Item[], n: number): HTMLElement {
  const cell = (text: string | number | null | undefined, kind = ""): HTMLElement => h("td", { class: kind }, text ?? "");
  return h(
    "div",
    { class: "problem-table" },
    h(
      "div",
      { class: "scroll panel", tabIndex: 0, role: "region", "aria-label": t("contributions_problems") },
      h(
        "table",
        { class: "data" },
        h("caption", { class: "visually-hidden" }, t("contributions_problems")),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col", class: "num" }, t("contributions_row")),
            h("th", { scope: "col" }, t("contributions_column")),
            h("th", { scope: "col" }, t("contributions_value")),
            h("th", { scope: "col" }, t("contributions_reason")),
          ),
        ),
        h(
          "tbody",
          {},
          ...problems.map((problem) =>
            h(
              "tr",
              {},
              cell(place(problem), "num"),
              cell(problem.column, "mono"),
              cell(problem.value, "mono value"),
              cell(problem.reason, "reason"),
            ),
          ),
        ),
      ),
    ),
    n > problems.length ? h("p", { class: "muted small" }, t("contributions_more_problems", { n: formatCount(n), shown: formatCount(problems.length) })) : null,
  );
}
