/** Datasets and their nodes: what they hold, since when, and where to look at it. */

import { pathOf, type DatasetSummary, type Tree } from "../api/client";
import { keyOf, makeNode, type NodeCard, wordsOf } from "../datasets/node";
import { h, put } from "../dom";
import { formatCount } from "../format";
import { t, tn } from "../i18n";
import { absolute, refreshAgo, trouble } from "../parts";
import { titleOf } from "../shell/header";
import { joined, split, type State } from "../state";
import type { Context, MakeView } from "../view";
import "./datasets.css";

/** Nodes are opened at the start when there are no more. */
const FEW_NODES = 3;
const REFRESH_MS = 400;

interface Entry {
  card: NodeCard;
  words: string;
}

interface Group {
  name: string;
  element: HTMLElement;
  waiting: HTMLElement;
  entries: Entry[];
}

export const make: MakeView = (context) => {
  let groups: Group[] = [];
  let isLoaded = false;
  let isDestroyed = false;
  const behind = new Map<string, number>();
  const search = h("input", {
    type: "search",
    placeholder: t("datasets_search"),
    "aria-label": t("datasets_search"),
    oninput: () => context.go({ more: more({ q: search.value }) }, "replace"),
  });
  const found = h("span", { class: "muted small", role: "status" });
  const list = h("div", { class: "stack" }, h("p", { class: "empty" }, t("shell_loading")));
  const element = h(
    "section",
    { class: "datasets" },
    h(
      "div",
      { class: "row top" },
      h("h1", {}, t("datasets")),
      found,
      h("span", { class: "grow" }),
      search,
      h("button", { type: "button", onclick: () => openAll(true) }, t("datasets_expand")),
      h("button", { type: "button", onclick: () => openAll(false) }, t("datasets_collapse")),
    ),
    list,
  );
  const ticking = setInterval(() => refreshAgo(element), 1000);

  const entries = (): Entry[] => groups.flatMap((group) => group.entries);

  function more(change: Record<string, string>): Record<string, string> {
    return Object.fromEntries(Object.entries({ ...context.state().more, ...change }).filter(([name, value]) => value !== "" || name === "open"));
  }

  function keepOpen(): void {
    const open = entries().filter(({ card }) => card.isOpen());
    context.go({ more: more({ open: joined(open.map(({ card }) => card.key)) }) }, "replace");
  }

  function openAll(is: boolean): void {
    for (const { card } of entries()) if (!card.element.hidden) card.open(is);
    keepOpen();
  }

  async function load(): Promise<void> {
    try {
      const datasets = await context.datasets();
      const trees = await Promise.all(datasets.map(async (dataset) => ({ dataset, tree: await context.tree(dataset.name) })));
      if (isDestroyed) return;
      groups = trees.map(({ dataset, tree }) => makeGroup(context, dataset, tree, keepOpen));
      put(list, ...(groups.length === 0 ? [h("p", { class: "empty panel" }, t("datasets_none"))] : groups.map(({ element }) => element)));
      isLoaded = true;
      for (const { card } of entries()) card.sparks(true);
      show(context.state());
    } catch (error) {
      if (!isDestroyed) put(list, trouble(error, () => void load()));
    }
  }

  function show(state: State): void {
    if (search.value !== (state.more.q ?? "")) search.value = state.more.q ?? "";
    if (!isLoaded) return;
    const asked = (state.more.q ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
    const all = entries();
    const open = state.more.open === undefined ? undefined : split(state.more.open);
    const chosen = state.dataset === "" ? undefined : keyOf(state.dataset, state.node);
    let n = 0;
    for (const group of groups) {
      for (const { card, words } of group.entries) {
        const isInScope = chosen === undefined || (state.node === "" ? card.key.startsWith(`${state.dataset}/`) : card.key === chosen);
        card.element.hidden = !isInScope || !asked.every((word) => words.includes(word));
        if (!card.element.hidden) n++;
        const isOpen = open === undefined ? all.length <= FEW_NODES || card.key === chosen : open.includes(card.key);
        if (isOpen !== card.isOpen()) card.open(isOpen);
      }
      group.element.hidden = group.entries.every(({ card }) => card.element.hidden);
    }
    put(found, asked.length === 0 ? tn("datasets_n", n) : tn("datasets_found", n));
    list.classList.toggle("none", n === 0 && all.length > 0);
    list.dataset.none = t("datasets_none_found");
  }

  /** Newer figures of a dataset, in the same places. */
  async function refresh(name: string): Promise<void> {
    behind.delete(name);
    const group = groups.find((group) => group.name === name);
    const tree = await context.tree(name).catch(() => undefined);
    if (isDestroyed || group === undefined || tree === undefined) return;
    showWaiting(group.waiting, tree.n_waiting);
    for (const node of tree.nodes) {
      const entry = group.entries.find(({ card }) => card.key === keyOf(name, node.path));
      if (entry === undefined) return void load();
      entry.card.refresh(node);
      entry.card.sparks();
    }
  }

  void load();
  return {
    element,
    update: show,
    event({ type, data }) {
      const { dataset } = data as { dataset?: string };
      if (type === "reset") void load();
      else if (dataset !== undefined && type !== "problem" && type !== "collector" && !behind.has(dataset)) {
        behind.set(dataset, window.setTimeout(() => void refresh(dataset), REFRESH_MS));
      }
    },
    redraw: () => void load(),
    destroy() {
      isDestroyed = true;
      clearInterval(ticking);
      for (const timer of behind.values()) clearTimeout(timer);
    },
  };
};

function makeGroup(context: Context, dataset: DatasetSummary, tree: Tree, toggled: () => void): Group {
  const title = titleOf(dataset);
  const waiting = h("span", { class: "chip warn" });
  showWaiting(waiting, tree.n_waiting);
  const source = (dataset.attributes as Record<string, unknown>).description ?? (dataset.attributes as Record<string, unknown>).source;
  const schema = pathOf("api/v1/datasets", dataset.name, "schema");
  const element = h(
    "section",
    { class: "panel dataset", "aria-label": title },
    h(
      "header",
      { class: "row" },
      h("h2", {}, title),
      title === dataset.name ? null : h("code", { class: "muted" }, dataset.name),
      waiting,
      h("span", { class: "grow" }),
      h("span", { class: "muted small num nowrap", title: t("datasets_last_seq_hint") }, t("datasets_last_seq", { n: formatCount(tree.last_seq) })),
      h("a", { href: schema, target: "_blank", rel: "noopener" }, t("datasets_schema")),
      h("a", { href: absolute(pathOf("zarr", dataset.name, "zarr.json")), target: "_blank", rel: "noopener" }, "Zarr"),
      typeof source === "string" ? h("p", { class: "muted source" }, source) : null,
    ),
  );
  const entries = tree.nodes.map((node) => ({ card: makeNode(context, dataset.name, node, toggled), words: wordsOf(dataset.name, title, node) }));
  element.append(...entries.map(({ card }) => card.element));
  if (entries.length === 0) element.append(h("p", { class: "empty" }, t("datasets_no_nodes")));
  return { name: dataset.name, element, waiting, entries };
}

function showWaiting(element: HTMLElement, n: number): void {
  element.hidden = n === 0;
  put(element, tn("datasets_waiting", n));
}
