/** What is shown can be chosen: the node, the variable, values of further coordinates, overlays. */

import { type Child, h, put } from "../dom";
import { formatTime, formatUnit, formatValue } from "../format";
import { t } from "../i18n";
import type { Choice } from "./choice";
import type { Overlay } from "./overlays";
import { type Layer, shownVariables } from "./places";

export interface Changes {
  layer: (layer: Layer) => void;
  variable: (name: string) => void;
  further: (coordinate: string, value: string) => void;
  future: (is: boolean) => void;
  allTimes: () => void;
  opacity: (overlay: number, value: number) => void;
}

export interface Offered {
  layers: readonly Layer[];
  choice: Choice;
  /** Values of further coordinates, and which of them is chosen. */
  further: ReadonlyMap<string, { values: readonly string[]; chosen: string | undefined }>;
  overlays: readonly Overlay[];
  opacities: readonly number[];
  problems: readonly string[];
  /** Chosen window of time, if any. */
  from: string | undefined;
  to: string | undefined;
  zone: string;
}

export interface Controls {
  readonly element: HTMLElement;
  show(offered: Offered): void;
}

export function makeControls(changes: Changes): Controls {
  const element = h("div", { class: "map-controls" });
  let drawn = "";
  return {
    element,
    show(offered) {
      // Drawn again only when something else is offered, so that the focus stays in the control that is used.
      const signature = JSON.stringify([offered.layers.map(nameOf), offered.choice, [...offered.further], offered.overlays.length, offered.problems, offered.from, offered.to, offered.zone, t("map")]);
      if (signature === drawn) return;
      drawn = signature;
      const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("name") : null;
      put(element, ...controls(offered, changes));
      if (focused != null) element.querySelector<HTMLElement>(`[name="${CSS.escape(focused)}"]`)?.focus();
    },
  };
}

function controls(offered: Offered, changes: Changes): Child[] {
  const { choice, layers } = offered;
  const { variable, layer } = choice;
  const nodes = layers.map((at) => ({ value: String(layers.indexOf(at)), text: nameOf(at) }));
  const variables = shownVariables(layer).map(({ name, unit }) => ({ value: name, text: unit ? `${name} (${formatUnit(unit)})` : name }));
  const further = choice.further.flatMap(({ name, unit }) => {
    const { values = [], chosen } = offered.further.get(name) ?? {};
    const options = values.map((value) => ({ value, text: value !== "" && Number.isFinite(Number(value)) ? formatValue(Number(value), unit) : value }));
    return select(`further.${name}`, name, options, chosen ?? "", (value) => changes.further(name, value));
  });
  return [
    select("layer", t("map_layer"), nodes, String(layers.indexOf(layer)), (value) => {
      const chosen = layers[Number(value)];
      if (chosen !== undefined) changes.layer(chosen);
    }),
    variables.length > 0 && select("variable", t("map_variable"), variables, variable?.name ?? "", changes.variable),
    ...further,
    time(offered, changes),
    ...offered.overlays.map((overlay, i) => opacity(overlay, i, offered.opacities[i] ?? overlay.opacity, changes)),
    ...offered.problems.map((problem) => h("div", { class: "callout warn small map-wide" }, problem)),
  ];
}

function time({ choice, from, to, zone }: Offered, changes: Changes): Child {
  if (from !== undefined || to !== undefined) {
    const [begin, end] = [from, to].map((at) => (at === undefined ? "…" : formatTime(at, zone, "minute")));
    return h("div", { class: "row small map-wide" }, h("span", { class: "muted" }, t("map_newest_of", { from: begin ?? "", to: end ?? "" })), h("button", { type: "button", class: "link", onclick: changes.allTimes }, t("map_all_times")));
  }
  if (!choice.hasFuture) return null;
  const box = h("input", { type: "checkbox", name: "future", checked: choice.window === undefined, onchange: () => changes.future(box.checked) });
  return h("label", { class: "check small map-wide" }, box, t("map_future"));
}

function opacity(overlay: Overlay, i: number, value: number, changes: Changes): HTMLElement {
  const slider = h("input", { type: "range", name: `opacity.${i}`, min: "0", max: "1", step: "0.05", value: String(value), "aria-label": t("map_opacity", { title: overlay.title }), oninput: () => changes.opacity(i, Number(slider.value)) });
  return h("label", { class: "field map-wide" }, overlay.title, slider);
}

function select(name: string, label: string, options: { value: string; text: string }[], value: string, chosen: (value: string) => void): HTMLElement {
  const element = h("select", { name, onchange: () => chosen(element.value) }, ...options.map(({ value, text }) => h("option", { value }, text)));
  element.value = value;
  return h("label", { class: name === "layer" || name === "variable" ? "field map-wide" : "field" }, label, element);
}

/** How people call a layer. */
export const nameOf = ({ dataset, node }: Layer): string => (node.path === "" ? dataset : `${dataset} / ${node.path}`);
