/** The head of the page: name, datasets, views, what is live, what is wrong, preferences, who is signed in. */

import { authorization, type DatasetSummary, signedInName } from "../api/client";
import { h, put } from "../dom";
import { formatCount, zoneLabel } from "../format";
import { t, tn } from "../i18n";
import { START, type State, VIEWS } from "../state";
import type { Context } from "../view";

export type Connection = "connecting" | "live" | "lost";

export interface Header {
  readonly element: HTMLElement;
  update(state: State): void;
  datasets(datasets: DatasetSummary[]): void;
  title(title: string): void;
  /** Whether signing in is of any use here. */
  needsSignIn(is: boolean): void;
  connection(state: Connection): void;
  problems(n: number): void;
  /** Zone or sign-in have changed. */
  refresh(): void;
}

export interface Actions {
  problems: () => void;
  preferences: () => void;
  signIn: () => void;
  signOut: () => void;
}

/** Between a dataset and a node in the list to choose from. */
const BREAK = "\n";

export function makeHeader(context: Context, actions: Actions): Header {
  const name = h("span", {}, "zarr-fuse");
  const brand = h("a", { class: "brand", href: "?" }, mark(), name);
  const chooser = h("select", { onchange: () => choose(chooser.value), "aria-label": t("shell_choose") });
  const links = VIEWS.map((view) => h("a", { "data-view": view }, t(view)));
  const live = h("span", { class: "live", role: "status" });
  const badge = h("button", { type: "button", class: "quiet badge", onclick: actions.problems });
  const preferences = h("button", { type: "button", class: "quiet", onclick: actions.preferences });
  const account = h("div", { class: "account" });
  const element = h(
    "header",
    { class: "shell" },
    brand,
    h("div", { class: "chooser" }, chooser),
    h("nav", { "aria-label": t("shell_views") }, ...links),
    h("div", { class: "tools" }, live, badge, preferences, account),
  );

  function choose(value: string): void {
    const [dataset = "", node = ""] = value.split(BREAK);
    context.go({ dataset, node, variables: [], selected: {}, units: {}, from: undefined, to: undefined, more: {} });
  }
  const header: Header = {
    element,
    update(state) {
      for (const link of links) {
        const view = VIEWS.find((name) => name === link.dataset.view) ?? START.view;
        link.href = context.link({ view, more: {} });
        if (view === state.view) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      const current = element.querySelector("nav [aria-current]");
      // On a phone the views stand in a row that is wider than the screen.
      current?.scrollIntoView({ block: "nearest", inline: "nearest" });
      chooser.value = state.dataset === "" ? "" : state.dataset + BREAK + state.node;
      // A node alone, or a dataset that is not in the list (any more).
      if (chooser.selectedIndex < 0 && state.dataset !== "") {
        chooser.append(h("option", { value: state.dataset + BREAK + state.node }, [state.dataset, state.node].filter(Boolean).join(" / ")));
        chooser.value = state.dataset + BREAK + state.node;
      }
    },
    datasets(datasets) {
      put(
        chooser,
        h("option", { value: "" }, t("shell_all_datasets")),
        ...datasets.map((dataset) =>
          h(
            "optgroup",
            { label: titleOf(dataset) },
            dataset.nodes.includes("") ? null : h("option", { value: dataset.name + BREAK }, dataset.name),
            ...dataset.nodes.map((node) => h("option", { value: dataset.name + BREAK + node }, node === "" ? dataset.name : `${dataset.name} / ${node}`)),
          ),
        ),
      );
      header.update(context.state());
    },
    title: (title) => put(name, title),
    needsSignIn(is) {
      account.hidden = !is && authorization() === null;
    },
    connection(state) {
      live.dataset.state = state;
      live.title = t(`shell_${state}_hint`);
      put(live, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "text" }, t(`shell_${state}`)));
    },
    problems(n) {
      badge.classList.toggle("some", n > 0);
      badge.setAttribute("aria-label", n === 0 ? t("shell_no_problems") : tn("shell_problems_n", n));
      badge.title = badge.getAttribute("aria-label") ?? "";
      put(badge, icon("M12 3 2 20h20L12 3Zm0 6v5m0 3v.5"), n > 0 ? h("span", { class: "n" }, formatCount(n)) : null);
    },
    refresh() {
      preferences.setAttribute("aria-label", t("shell_preferences_zone", { zone: context.zone() }));
      preferences.title = t("shell_preferences");
      put(preferences, icon("M4 7h9m4 0h3M4 17h3m4 0h9M15 5v4M9 15v4"), h("span", { class: "zone" }, zoneLabel(context.zone())));
      if (authorization() === null) put(account, h("button", { type: "button", onclick: actions.signIn }, t("shell_sign_in")));
      else {
        const who = signedInName() ?? t("shell_token");
        put(account, h("span", { class: "who clip", title: who }, who), h("button", { type: "button", onclick: actions.signOut }, t("shell_sign_out")));
      }
    },
  };
  header.problems(0);
  // Until the service has said whether it is of use.
  header.needsSignIn(false);
  header.connection("connecting");
  header.refresh();
  header.datasets([]);
  return header;
}

export function titleOf(dataset: DatasetSummary): string {
  const title = (dataset.attributes as Record<string, unknown>).title;
  return typeof title === "string" ? title : dataset.name;
}

function mark(): SVGElement {
  return drawn("0 0 16 16", "mark", [["M2 3h12v2H2zM4 7h10v2H4zM6 11h8v2H6z", "currentColor"]]);
}

function icon(path: string): SVGElement {
  return drawn("0 0 24 24", "icon", [[path, "none"]]);
}

function drawn(viewBox: string, name: string, paths: [string, string][]): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", name);
  svg.setAttribute("aria-hidden", "true");
  for (const [d, fill] of paths) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    path.setAttribute("fill", fill);
    svg.append(path);
  }
  return svg;
}
