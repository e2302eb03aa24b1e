/** Choices and buttons that the plots of profiles and fields share. */

import type { CoordinateTree, NodeTree, VariableTree } from "../api/client";
import { h } from "../dom";
import { formatTime, formatUnit, zoneLabel } from "../format";
import { t } from "../i18n";
import type { State } from "../state";
import type { Context } from "../view";
import { spanOf } from "./address";
import { chips } from "./chooser";
import { chipTexts } from "./choices";
import { titleOf } from "./lines";
import { choicesOf, chosenOf } from "./model";
import { type Choice } from "./node";
import { SPANS, type Window, width } from "./window";

/** A plot inside of the view of profiles and fields. */
export interface Plot {
  /** The window or another continuous part of the state has changed. */
  show(state: State): void;
  /** Something has arrived. */
  arrived(node: NodeTree): Promise<void>;
  redraw(): void;
  destroy(): void;
}

export interface Fixed {
  coordinate: CoordinateTree;
  choice: Choice;
}

/** Chips for one variable out of several. */
export const variableChips = (title: string, variables: VariableTree[], chosen: VariableTree, changed: (name: string) => void): HTMLElement =>
  chips({
    title,
    single: true,
    options: variables.map((v) => ({ key: v.name, label: titleOf(v), note: formatUnit(v.unit) })),
    chosen: [chosen.name],
    texts: chipTexts(),
    changed: ([name]) => changed(name ?? chosen.name),
  });

/** One value of each coordinate that is not an axis, and chips to change it. */
export async function fixedValues(context: Context, node: NodeTree, coordinates: CoordinateTree[]): Promise<{ fixed: Fixed[]; chips: HTMLElement[] }> {
  const { dataset, selected } = context.state();
  const fixed: Fixed[] = [];
  const elements: HTMLElement[] = [];
  for (const coordinate of coordinates) {
    const all = await choicesOf(dataset, node, coordinate);
    const choice = chosenOf(selected, coordinate, all)?.[0] ?? all[0];
    if (choice === undefined) continue;
    fixed.push({ coordinate, choice });
    elements.push(
      chips({
        title: coordinate.description ?? coordinate.name,
        single: true,
        options: all.map(({ key, label }) => ({ key, label })),
        chosen: [choice.key],
        texts: chipTexts(),
        changed: (keys) => context.go({ selected: { ...context.state().selected, [coordinate.name]: keys } }),
      }),
    );
  }
  return { fixed, chips: elements };
}

/** Buttons for the length of the window, and the window in words. */
export function windowBar(context: Context): { element: HTMLElement; show(state: State, window: Window): void } {
  const buttons = ["all", ...Object.keys(SPANS)].map((name) =>
    h("button", { type: "button", "data-span": name, onclick: () => context.go(spanOf(context.state(), name)) }, t(name === "all" ? "series_reset" : (`series_span_${name}` as "series_span_24h"))),
  );
  const words = h("span", { class: "muted small num" });
  return {
    element: h("div", { class: "row plots-bar" }, h("div", { class: "segments", role: "group", "aria-label": t("series_span") }, ...buttons), words),
    show(state, window) {
      const isFollowing = state.from === undefined && state.to === undefined;
      for (const button of buttons) button.setAttribute("aria-pressed", String(isFollowing && (state.more.span ?? "all") === button.dataset.span));
      words.textContent = inWords(window, context.zone());
    },
  };
}

/** A window in words. */
export function inWords(window: Window, zone: string): string {
  const precision = width(window) > 1800 ? "minute" : "second";
  const text = (time: number): string => formatTime(time * 1000, zone, precision);
  return `${t("series_window", { from: text(window.from), to: text(window.to) })} ${zoneLabel(zone, window.to * 1000)}`;
}

export const axisLabel = (c: CoordinateTree): string => [c.description ?? c.name, formatUnit(c.unit)].filter(Boolean).join(", ");
