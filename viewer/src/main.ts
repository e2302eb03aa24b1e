/** Begins: the shell, the view that the address names, the events of the service. */

import "./style.css";
import { getTree, type Tree } from "./api/client";
import { follow } from "./api/events";
import { h, put } from "./dom";
import { t } from "./i18n";
import { START, type State, VIEWS, type ViewName, fromQuery, toQuery } from "./state";
import type { Context, MakeView, View } from "./view";

/** Each view is a file of its own that is fetched when it is opened first. */
const LOAD: Record<ViewName, () => Promise<{ make: MakeView }>> = {
  datasets: () => import("./views/datasets"),
  map: () => import("./views/map"),
  series: () => import("./views/series"),
  fields: () => import("./views/fields"),
  contributions: () => import("./views/contributions"),
  collectors: () => import("./views/collectors"),
  upload: () => import("./views/upload"),
};

let state: State = fromQuery(location.search);
let view: View | undefined;
let shown: ViewName | undefined;
const trees = new Map<string, Promise<Tree>>();
const place = h("main", { id: "main", tabIndex: -1 });
const messages = h("div", { role: "status", "aria-live": "polite", class: "messages" });

const context: Context = {
  state: () => state,
  go(change, how = "push") {
    state = { ...state, ...change };
    const address = `?${toQuery(state)}`;
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    void show();
  },
  tree(dataset) {
    let tree = trees.get(dataset);
    if (tree === undefined) {
      tree = getTree(dataset);
      trees.set(dataset, tree);
      tree.catch(() => trees.delete(dataset));
    }
    return tree;
  },
  zone: () => "UTC",
  tell: (message, kind = "error") => put(messages, h("p", { class: kind }, message)),
};

async function show(): Promise<void> {
  if (shown !== state.view) {
    shown = state.view;
    const { make } = await LOAD[state.view]();
    view?.destroy?.();
    view = make(context);
    put(place, view.element);
  }
  view?.update(state);
}

const links = VIEWS.map((name) =>
  h("button", { type: "button", onclick: () => context.go({ ...START, dataset: state.dataset, node: state.node, view: name }) }, t(name)),
);
put(document.body, h("header", {}, h("strong", {}, "zarr-fuse"), h("nav", {}, ...links)), messages, place);
addEventListener("popstate", () => {
  state = fromQuery(location.search);
  void show();
});
void follow(
  "api/v1/events",
  new AbortController().signal,
  (event) => {
    if (event.type === "commit" || event.type === "reset") trees.clear();
    view?.event?.(event);
  },
  () => undefined,
);
void show();
