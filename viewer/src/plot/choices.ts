/** The side of a plot where quantities, their units, and values of coordinates are chosen. */

import { h } from "../dom";
import { formatUnit } from "../format";
import { t } from "../i18n";
import { alternatives } from "../settings";
import type { Context } from "../view";
import { chips } from "./chooser";
import { titleOf } from "./lines";
import type { Model } from "./model";

export interface Choosing {
  variables?: string[];
  selected?: Record<string, string[]>;
  units?: Record<string, string>;
}

export const chipTexts = (): Parameters<typeof chips>[0]["texts"] => ({
  search: t("series_search"),
  all: t("series_all"),
  none: t("series_none"),
  more: (n) => t("series_more", { n }),
});

export function chooser(context: Context, model: Model, changed: (change: Choosing) => void): HTMLElement {
  const texts = chipTexts();
  const variables = chips({
    title: t("series_variables"),
    options: model.offered.map((v) => ({ key: v.name, label: titleOf(v), note: formatUnit(v.unit) })),
    chosen: model.variables.map((v) => v.name),
    texts,
    // The order of choosing decides which unit is on the left.
    changed: (chosen) => changed({ variables: [...model.variables.map((v) => v.name).filter((name) => chosen.includes(name)), ...chosen.filter((name) => !model.variables.some((v) => v.name === name))] }),
  });
  const units = model.variables.flatMap((v) => {
    const others = v.unit == null ? [] : alternatives(v.unit);
    if (others.length < 2) return [];
    return [
      h(
        "label",
        { class: "field" },
        t("series_unit", { name: titleOf(v) }),
        h(
          "select",
          { onchange: (event: Event) => changed({ units: { [v.name]: (event.target as HTMLSelectElement).value } }) },
          ...others.map((unit) => h("option", { value: unit, selected: unit === (context.unit(v) ?? v.unit) }, formatUnit(unit))),
        ),
      ),
    ];
  });
  const others = model.others.map(({ coordinate, choices, chosen }) =>
    chips({
      title: coordinate.description ?? coordinate.name,
      options: choices.map(({ key, label }) => ({ key, label })),
      chosen: chosen.map(({ key }) => key),
      texts,
      changed: (keys) => changed({ selected: { [coordinate.name]: keys } }),
    }),
  );
  return h("aside", { class: "panel pad stack plots-side", "aria-label": t("series_variables") }, variables, ...others, units.length > 0 && h("div", { class: "unit-choice" }, ...units));
}
