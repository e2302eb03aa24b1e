/** Labels of the graticule along two edges of the map, as text of the page: they need no glyphs. */

import type { Map as MapLibre } from "maplibre-gl";
import { h } from "../dom";
import { boundsOf } from "./base";
import { degrees, multiples, stepAt } from "./graticule";

export function keepLabels(map: MapLibre, stage: HTMLElement): void {
  const holder = h("div", { class: "map-degrees", "aria-hidden": "true" });
  stage.append(holder);
  const kept: HTMLElement[] = [];
  const look = (): void => {
    const bounds = boundsOf(map);
    const step = stepAt(map.getZoom());
    const { clientWidth: width, clientHeight: height } = stage;
    const tools = stage.querySelector<HTMLElement>(".map-tools");
    const from = (tools?.offsetLeft ?? 0) + (tools?.offsetWidth ?? 0) + 24;
    const labels = [
      ...multiples(bounds.west, bounds.east, step).map((x) => ({ text: degrees(x, "longitude", step), x: map.project([x, 0]).x, y: 2, name: "top" })),
      ...multiples(Math.max(bounds.south, -85), Math.min(bounds.north, 85), step).map((y) => ({ text: degrees(y, "latitude", step), x: width - 4, y: map.project([bounds.west, y]).y, name: "side" })),
    ].filter(({ x, y, name }) => (name === "top" ? x > from && x < width - 60 : y > 24 && y < height - 40));
    labels.forEach(({ text, x, y, name }, i) => {
      const label = kept[i] ?? h("span");
      if (kept[i] === undefined) {
        kept.push(label);
        holder.append(label);
      }
      label.hidden = false;
      label.textContent = text;
      label.className = name;
      label.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
    });
    kept.slice(labels.length).forEach((label) => (label.hidden = true));
  };
  map.on("move", look);
  map.on("resize", look);
  look();
}
