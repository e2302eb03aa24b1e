/** The legend, which is also the read-out: each series with its colour, its value at the cursor, and a switch. */

import { h, put } from "../dom";
import { formatNumber } from "../format";
import { t } from "../i18n";

export interface LegendItem {
  id: string;
  label: string;
  unit: string;
  colour: string;
  dash: number[];
  shown: boolean;
}

export interface Legend {
  readonly element: HTMLElement;
  set(items: LegendItem[]): void;
  /** Values at the cursor, by series; none: the cursor is nowhere. */
  values(at: Map<string, number> | undefined, nearest?: string): void;
}

export function makeLegend(toggled: (id: string) => void): Legend {
  const element = h("div", { class: "legend", role: "group", "aria-label": t("series_legend") });
  let cells = new Map<string, { button: HTMLElement; value: HTMLElement; unit: string }>();
  return {
    element,
    set(items) {
      const focused = (document.activeElement as HTMLElement | null)?.dataset.series;
      cells = new Map();
      put(
        element,
        ...items.map(({ id, label, unit, colour, dash, shown }) => {
          const value = h("span", { class: "value num" });
          const line = swatch(colour, dash);
          const button = h(
            "button",
            { type: "button", class: "quiet series", "data-series": id, "aria-pressed": String(shown), title: t("series_toggle"), onclick: () => toggled(id) },
            line,
            h("span", { class: "clip name" }, label),
            value,
          );
          cells.set(id, { button, value, unit });
          return button;
        }),
      );
      if (focused !== undefined) cells.get(focused)?.button.focus();
    },
    values(at, nearest) {
      for (const [id, { button, value, unit }] of cells) {
        const number = at?.get(id);
        value.textContent = number === undefined ? (at === undefined ? "" : "–") : `${formatNumber(number)} ${unit}`;
        button.classList.toggle("nearest", id === nearest);
      }
    },
  };
}

/** A short line as the series is drawn. */
function swatch(colour: string, dash: number[]): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 22 10");
  svg.setAttribute("width", "22");
  svg.setAttribute("height", "10");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M1 5H21");
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", "2.5");
  line.setAttribute("stroke-dasharray", dash.join(" "));
  svg.append(line);
  return svg;
}
