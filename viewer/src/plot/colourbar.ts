/** The scale of colours of a heat map, with its unit and range. */

import { cividis, css } from "../colours";
import { h } from "../dom";
import { formatNumber, niceTicks } from "./scale";

export function colourBar(range: readonly [number, number], title: string): HTMLElement {
  const [min, max] = range;
  const ticks = niceTicks(min, max, 5);
  const step = Math.abs((ticks[1] ?? max) - (ticks[0] ?? min)) || 1;
  const part = (value: number): number => (max > min ? (value - min) / (max - min) : 0.5);
  const stops = Array.from({ length: 17 }, (_, i) => css(cividis(i / 16))).join(", ");
  return h(
    "figure",
    { class: "colour-bar", role: "img", "aria-label": `${title}: ${formatNumber(min, step / 10)} – ${formatNumber(max, step / 10)}` },
    h("figcaption", { class: "small" }, title),
    h("div", { class: "colours", style: { background: `linear-gradient(to right, ${stops})` } }),
    h("div", { class: "ticks small num" }, ...ticks.map((tick) => h("span", { style: { left: `${part(tick) * 100}%` } }, formatNumber(tick, step)))),
  );
}
