/** Profiles, fields and pairs of quantities: the kind of plot follows from the dimensions of the node. */

import "../plot/plot.css";
import "../plot/fields.css";
import type { NodeTree } from "../api/client";
import { h, put } from "../dom";
import { currentLanguage, t } from "../i18n";
import { trouble } from "../parts";
import { atMostEvery } from "../plot/feed";
import { makeHeat } from "../plot/heat";
import { makeImage } from "../plot/image";
import { KINDS, type Kind, composed, possible } from "../plot/kinds";
import { nodeOf } from "../plot/model";
import { extentOf, findNode } from "../plot/node";
import type { Plot } from "../plot/parts";
import { makeScatter } from "../plot/scatter";
import type { State } from "../state";
import type { MakeView } from "../view";

const LIVE_MS = 500;
const MAKE = { heat: makeHeat, image: makeImage, scatter: makeScatter };

export const make: MakeView = (context) => {
  const element = h("section", { class: "plots", "aria-label": t("fields") });
  let plot: Plot | undefined;
  let node: NodeTree | undefined;
  let made = "";
  let isGone = false;
  /** Whether what a state asked for is not wanted any more. */
  const isOutdated = (wanted: string): boolean => made !== wanted || isGone;

  const keyOf = (state: State): string => {
    const { dataset, variables, selected, units, more } = state;
    return JSON.stringify([dataset, state.node, variables, selected, units, more.tab, more.y, context.units(), currentLanguage()]);
  };

  async function remake(state: State): Promise<void> {
    const wanted = keyOf(state);
    made = wanted;
    if (node === undefined) put(element, h("p", { class: "empty", role: "status" }, t("fields_loading")));
    try {
      const found = await nodeOf(context, state);
      if (isOutdated(wanted)) return;
      plot?.destroy();
      plot = undefined;
      const heading = h("h1", { class: "visually-hidden" }, t("fields"));
      const lack = typeof found === "string" ? found : found.coordinates.some((c) => c.length === 0) || (found.coordinates.some((c) => c.tick != null) && extentOf(found) === undefined) ? "no_values" : undefined;
      if (typeof found === "string" || lack !== undefined) {
        node = undefined;
        put(element, heading, h("p", { class: "empty" }, t(`series_${lack ?? "no_node"}`)));
        return;
      }
      node = found;
      const kinds = possible(found);
      const kind = kinds.find((k) => k === state.more.tab) ?? kinds[0];
      const main = h("div", { class: "plots-main" });
      const side = h("aside", { class: "panel pad stack plots-side", "aria-label": t("fields_quantity") });
      const place = h("div", { class: "stack", role: "tabpanel", id: "fields-plot", "aria-labelledby": `fields-${kind ?? "none"}` });
      const body = kind === undefined ? h("p", { class: "empty" }, t("fields_nothing")) : place;
      put(main, kind === undefined ? null : tabs(kinds, kind), body, ...reasons(found, kinds));
      put(element, heading, kind === undefined ? null : side, main);
      main.classList.toggle("alone", kind === undefined);
      if (kind === undefined) return;
      const next = await MAKE[kind](side, place, context, found);
      if (isOutdated(wanted)) next.destroy();
      else {
        plot = next;
        plot.show(context.state());
      }
    } catch (error) {
      if (isOutdated(wanted)) return;
      made = "";
      node = undefined;
      put(element, trouble(error, () => void remake(context.state())));
    }
  }

  function tabs(kinds: Kind[], shown: Kind): HTMLElement {
    const go = (kind: Kind): void => context.go({ more: { ...context.state().more, tab: kind } });
    const buttons = kinds.map((kind) =>
      h("button", { type: "button", role: "tab", id: `fields-${kind}`, "aria-selected": String(kind === shown), "aria-controls": "fields-plot", tabIndex: kind === shown ? 0 : -1, onclick: () => go(kind) }, t(`fields_${kind}`)),
    );
    return h(
      "div",
      {
        class: "row kinds", role: "tablist", "aria-label": t("fields_tabs"),
        onkeydown: (event: KeyboardEvent) => {
          const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
          const next = kinds[(kinds.indexOf(shown) + by + kinds.length) % kinds.length];
          if (by !== 0 && next !== undefined) go(next);
        },
      },
      ...buttons,
    );
  }
  /** A sentence for each plot that is not possible. */
  function reasons(of: NodeTree, kinds: Kind[]): HTMLElement[] {
    return KINDS.filter((kind) => !kinds.includes(kind)).map((kind) => {
      const together = composed(of).map((c) => c.composed?.join(", ") ?? "");
      const text = kind === "image" && together.length > 0 ? t("fields_not_composed", { names: together.join("; ") }) : t(`fields_not_${kind}`);
      return h("p", { class: "muted small" }, text);
    });
  }

  const live = atMostEvery(LIVE_MS, async () => {
    if (isGone) return;
    const { dataset } = context.state();
    const found = node === undefined ? undefined : findNode(await context.tree(dataset), node.path);
    const isOther = found?.coordinates.some((c) => c.tick == null && node?.coordinates.find((k) => k.name === c.name)?.length !== c.length) ?? true;
    if (found === undefined || isOther || plot === undefined) return remake(context.state());
    node = found;
    await plot.arrived(found);
  });

  return {
    element,
    update(state) {
      if (made !== keyOf(state)) void remake(state);
      else plot?.show(state);
    },
    event({ type, data }) {
      const { dataset, node: path } = data as { dataset?: string; node?: string };
      if (type === "reset" || (type === "commit" && dataset === context.state().dataset && path === (node?.path ?? context.state().node))) live();
    },
    redraw() {
      if (made !== keyOf(context.state())) void remake(context.state());
      else plot?.redraw();
    },
    destroy() {
      isGone = true;
      live.stop();
      plot?.destroy();
    },
  };
};
