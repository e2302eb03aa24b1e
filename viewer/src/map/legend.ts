/** The legend: colours, unit and range, which can be adjusted. */

import { cividis, css } from "../colours";
import { h, put } from "../dom";
import { formatNumber, formatUnit } from "../format";
import { t } from "../i18n";
import type { Range } from "./scale";

export interface Legend {
  readonly element: HTMLElement;
  show(title: string, unit: string | undefined, range: Range | undefined, isFixed: boolean): void;
}

/** `chosen` is called with a range, or with nothing for the range of the values. */
export function makeLegend(chosen: (range: Range | undefined) => void): Legend {
  const title = h("div", { class: "map-legend-title" });
  const stops = Array.from({ length: 10 }, (_, i) => css(cividis(i / 9)));
  const bar = h("div", { class: "map-legend-bar", role: "img", style: { background: `linear-gradient(to right, ${stops.join(", ")})` } });
  const ticks = h("div", { class: "map-legend-ticks num" });
  const ends = ["low", "high"].map((end) =>
    h("input", {
      type: "number",
      step: "any",
      name: end,
      onchange: () => {
        const [low, high] = ends.map(({ value }) => (value === "" ? NaN : Number(value)));
        const isRange = low !== undefined && high !== undefined && low < high;
        for (const input of ends) input.setCustomValidity(isRange ? "" : t("map_range_wrong"));
        if (isRange) chosen([low, high]);
        else ends.find((input) => !input.reportValidity());
      },
    }),
  );
  const automatic = h("button", { type: "button", class: "quiet", onclick: () => chosen(undefined) });
  const adjust = h("details", { class: "map-legend-adjust" });
  const summary = h("summary");
  put(adjust, summary, h("div", { class: "row" }, ...ends, automatic));
  const element = h("div", { class: "map-legend panel", role: "group" }, title, bar, ticks, adjust);
  return {
    element,
    show(name, unit, range, isFixed) {
      element.hidden = range === undefined;
      if (range === undefined) return;
      element.setAttribute("aria-label", t("map_legend"));
      const symbol = formatUnit(unit);
      put(title, h("strong", {}, name), symbol ? h("span", { class: "muted" }, ` ${symbol}`) : null);
      const written = [range[0], (range[0] + range[1]) / 2, range[1]].map((value) => formatNumber(value));
      bar.setAttribute("aria-label", t("map_legend_says", { name, from: written[0] ?? "", to: `${written[2] ?? ""} ${symbol}` }));
      put(ticks, ...written.map((text) => h("span", {}, text)));
      put(summary, t("map_adjust"));
      ends.forEach((input, i) => {
        input.setAttribute("aria-label", t(i === 0 ? "map_range_from" : "map_range_to"));
        if (document.activeElement !== input) input.value = String(range[i] ?? "");
        input.setCustomValidity("");
      });
      put(automatic, t("map_automatic"));
      automatic.disabled = !isFixed;
    },
  };
}
