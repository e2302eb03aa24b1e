/** Time series: an overview of everything with a window, the window in detail below, values under the cursor. */

import "../plot/plot.css";
import { h, put } from "../dom";
import { currentLanguage, t } from "../i18n";
import { trouble } from "../parts";
import { chooser } from "../plot/choices";
import { makeDetail } from "../plot/detail";
import { atMostEvery } from "../plot/feed";
import { type Model, makeModel } from "../plot/model";
import { extentOf, findNode } from "../plot/node";
import { changeOf, isFollowing, spanOf, windowOf } from "../plot/address";
import { type Window, kept } from "../plot/window";
import type { State } from "../state";
import type { Context, MakeView, View } from "../view";

/** Shortest time between two looks at what has arrived. */
const LIVE_MS = 500;

export const make: MakeView = (context) => {
  const element = h("section", { class: "plots", "aria-label": t("series") });
  let model: Model | undefined;
  let detail: ReturnType<typeof makeDetail> | undefined;
  /** What the shown model was made for. */
  let made = "";
  let isGone = false;

  async function remake(state: State): Promise<void> {
    const wanted = keyOf(state, context);
    made = wanted;
    if (model === undefined) put(element, h("p", { class: "empty", role: "status" }, t("series_loading")));
    try {
      const found = await makeModel(context, state);
      if (made !== wanted || isGone) return;
      detail?.destroy();
      detail = undefined;
      model = undefined;
      if (typeof found === "string") {
        put(element, h("h1", { class: "visually-hidden" }, t("series")), h("p", { class: "empty" }, t(`series_${found}`)));
        return;
      }
      model = found;
      const side = chooser(context, found, ({ variables, selected, units }) =>
        context.go({
          ...(variables === undefined ? {} : { variables }),
          ...(selected === undefined ? {} : { selected: { ...context.state().selected, ...selected } }),
          ...(units === undefined ? {} : { units: { ...context.state().units, ...units } }),
        }),
      );
      const main = h("div", { class: "plots-main" });
      put(element, h("h1", { class: "visually-hidden" }, t("series")), side, main);
      detail = makeDetail(main, context, found, { moved, span: (name) => context.go(spanOf(context.state(), name)), panels: (n) => context.go({ more: { ...context.state().more, panels: String(n) } }) });
      detail.show(windowOf(context.state(), found.extent), isFollowing(context.state()));
    } catch (error) {
      if (made !== wanted || isGone) return;
      made = "";
      detail?.destroy();
      detail = undefined;
      model = undefined;
      put(element, trouble(error, () => void remake(context.state())));
    }
  }

  let pause: ReturnType<typeof setTimeout> | undefined;
  function moved(to: Window, ended: boolean): void {
    if (model === undefined || detail === undefined) return;
    const window = kept(to, model.extent);
    detail.show(window, false);
    clearTimeout(pause);
    // Browsers let a page change its address only so often.
    if (ended) pause = setTimeout(() => keep(window), 200);
  }
  function keep(window: Window): void {
    if (model !== undefined) context.go(changeOf(context.state(), model.extent, window), "replace");
  }

  const live = atMostEvery(LIVE_MS, async () => {
    if (isGone) return;
    if (model === undefined || detail === undefined) return remake(context.state());
    const node = findNode(await context.tree(model.dataset), model.node.path);
    const extent = node === undefined ? undefined : extentOf(node);
    if (node === undefined || extent === undefined) return remake(context.state());
    const isOther = node.variables.length !== model.node.variables.length || node.coordinates.some((c) => c.tick == null && model?.node.coordinates.find((k) => k.name === c.name)?.length !== c.length);
    if (isOther) return remake(context.state());
    model.node = node;
    model.extent = extent;
    await detail.arrived(windowOf(context.state(), extent), isFollowing(context.state()));
  });

  const view: View = {
    element,
    update(state) {
      if (made !== keyOf(state, context)) void remake(state);
      else if (model !== undefined) detail?.show(windowOf(state, model.extent), isFollowing(state));
    },
    event({ type, data }) {
      const { dataset, node } = data as { dataset?: string; node?: string };
      const mine = context.state();
      if (type === "reset" || (type === "commit" && dataset === mine.dataset && (node === (model?.node.path ?? mine.node)))) live();
    },
    redraw() {
      if (made !== keyOf(context.state(), context)) void remake(context.state());
      else detail?.redraw();
    },
    destroy() {
      isGone = true;
      live.stop();
      clearTimeout(pause);
      detail?.destroy();
    },
  };
  return view;
};

/** All of a state but its window. */
function keyOf(state: State, context: Context): string {
  return JSON.stringify([state.dataset, state.node, state.variables, state.selected, state.units, context.units(), state.more.panels ?? "", currentLanguage()]);
}
