/** What arrived, from whom, and what became of it. */

import { type Contribution, type DatasetSummary, json } from "../api/client";
import { makeDetail } from "../contributions/detail";
import { type Filter, fits, type Line, lineOf, placed, showLines } from "../contributions/list";
import { h, put } from "../dom";
import { t, tn } from "../i18n";
import { refreshAgo, statusText, trouble } from "../parts";
import type { State } from "../state";
import type { MakeView } from "../view";
import "./contributions.css";

const PAGE = 100;
const MAX_LINES = 2000;
const STATUSES = ["journaled", "merged", "partial", "rejected", "retracted"];

export const make: MakeView = (context) => {
  let lines: Line[] = [];
  let held: Line[] = [];
  let before: string | null = null;
  let asked = "";
  let turn = 0;
  const detail = makeDetail(context, () => {
    const chosen = context.state().more.id;
    context.go({ more: more({ id: "" }) });
    body.querySelector<HTMLElement>(`[data-id="${CSS.escape(chosen ?? "")}"] a`)?.focus();
  });
  const status = h("select", { onchange: () => context.go({ more: more({ status: status.value }) }) }, option("", t("contributions_any")), ...STATUSES.map((name) => option(name, statusText(name))));
  const place = h("select", {
    onchange: () => {
      const [dataset = "", node = ""] = place.value.split("\n");
      context.go({ dataset, node });
    },
  });
  const endpoint = h("input", { type: "search", list: "endpoints", placeholder: t("contributions_any"), onchange: () => context.go({ more: more({ endpoint: endpoint.value.trim() }) }) });
  endpoint.setAttribute("list", "contributions-endpoints");
  const endpoints = h("datalist", { id: "contributions-endpoints" });
  const body = h("tbody", {});
  const fresh = h("button", { type: "button", class: "primary fresh", hidden: true, onclick: () => toTop() });
  const older = h("button", { type: "button", hidden: true, onclick: () => void load(true) }, t("contributions_older"));
  const note = h("div", { role: "status" });
  const head = ["when", "outcome", "to", "from", "rows", "size", "first_problem"] as const;
  const scroller = h(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": t("contributions"), onscroll: () => scroller.scrollTop < 4 && release() },
    h(
      "table",
      { class: "data" },
      h("caption", { class: "visually-hidden" }, t("contributions")),
      h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", class: name === "rows" || name === "size" ? "num" : undefined }, t(`contributions_${name}`))))),
      body,
    ),
    note,
    h("div", { class: "row more" }, older),
  );
  const field = (label: string, input: HTMLElement): HTMLElement => h("label", { class: "row filter" }, h("span", { class: "muted small" }, label), input);
  const element = h(
    "section",
    { class: "contributions" },
    h(
      "div",
      { class: "row top" },
      h("h1", {}, t("contributions")),
      h("span", { class: "grow" }),
      field(t("contributions_outcome"), status),
      field(t("contributions_to"), place),
      field(t("contributions_endpoint"), endpoint),
      endpoints,
    ),
    h("div", { class: "columns" }, h("div", { class: "panel list" }, fresh, scroller), detail.element),
  );
  const ticking = setInterval(() => refreshAgo(element), 1000);

  function more(change: Record<string, string>): Record<string, string> {
    return Object.fromEntries(Object.entries({ ...context.state().more, ...change }).filter(([, value]) => value !== ""));
  }

  const filter = (): Filter => {
    const { dataset, node, more } = context.state();
    return { dataset, node, status: more.status ?? "", endpoint: more.endpoint ?? "" };
  };

  function show(): void {
    showLines(body, lines, context.state().more.id ?? "", context);
    put(endpoints, ...[...new Set(lines.map((line) => line.endpoint))].sort().map((name) => h("option", { value: name })));
    older.hidden = before === null;
    fresh.hidden = held.length === 0;
    put(fresh, tn("contributions_new", held.length));
  }

  async function load(isOlder = false): Promise<void> {
    const mine = ++turn;
    older.disabled = true;
    const query = new URLSearchParams(Object.entries(filter()).filter(([, value]) => value !== ""));
    query.set("limit", String(PAGE));
    if (isOlder && before !== null) query.set("before", before);
    try {
      const page = await json<{ contributions: Contribution[]; before?: string | null }>(`api/v1/contributions?${query.toString()}`);
      if (mine !== turn) return;
      const found = page.contributions.map(lineOf);
      const known = new Set(found.map(({ id }) => id));
      lines = isOlder ? [...lines.filter(({ id }) => !known.has(id)), ...found] : found;
      if (!isOlder) held = [];
      before = page.before ?? null;
      put(note, lines.length === 0 ? h("p", { class: "empty" }, t("contributions_none")) : null);
      show();
    } catch (error) {
      if (mine === turn) put(note, trouble(error, () => void load(isOlder)));
    } finally {
      older.disabled = false;
    }
  }

  function toTop(): void {
    scroller.scrollTo({ top: 0 });
    release();
  }

  /** Shows what arrived while the person was reading further down. */
  function release(): void {
    if (held.length === 0) return;
    for (const line of held) lines = placed(lines, line, MAX_LINES);
    held = [];
    show();
  }

  function arrived(line: Line): void {
    const isKnown = lines.some(({ id }) => id === line.id);
    if (!fits(line, filter())) {
      if (isKnown && filter().status !== "") lines = lines.filter(({ id }) => id !== line.id);
    } else if (isKnown || scroller.scrollTop < 4) lines = placed(lines, line, MAX_LINES);
    else held = placed(held, line, MAX_LINES);
    if (lines.length > 0) put(note);
    show();
    if (line.id === context.state().more.id) detail.refresh();
  }

  function showFilter(state: State, datasets: DatasetSummary[]): void {
    put(
      place,
      option("", t("contributions_anywhere")),
      ...datasets.flatMap(({ name, nodes }) => [option(name, name), ...nodes.filter((node) => node !== "").map((node) => option(`${name}\n${node}`, `${name}/${node}`))]),
    );
    place.value = state.node === "" ? state.dataset : `${state.dataset}\n${state.node}`;
  }

  return {
    element,
    update(state) {
      status.value = state.more.status ?? "";
      endpoint.value = state.more.endpoint ?? "";
      context.datasets().then((datasets) => showFilter(state, datasets), () => undefined);
      detail.show(state.more.id ?? "");
      element.classList.toggle("with-detail", Boolean(state.more.id));
      const now = JSON.stringify(filter());
      if (now !== asked) {
        asked = now;
        scroller.scrollTop = 0;
        void load();
      } else show();
    },
    event({ type, data }) {
      if (type === "contribution") arrived(data as Line);
      else if (type === "contributions" || type === "reset") {
        if (scroller.scrollTop < 4) void load();
        detail.refresh();
      } else if (type === "commit") detail.refresh();
    },
    redraw() {
      show();
      detail.refresh();
    },
    destroy: () => clearInterval(ticking),
  };
};

function option(value: string, text: string): HTMLElement {
  return h("option", { value }, text);
}
