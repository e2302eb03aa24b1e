/** One contribution: what it was, what became of it, and what can be done about it. */

import { type Contribution, json, pathOf, Refused } from "../api/client";
import { h, put } from "../dom";
import { formatBytes, formatCount, formatTime } from "../format";
import { t } from "../i18n";
import { agoElement, copyLine, statusPill, statusText, trouble } from "../parts";
import { confirmed } from "../shell/dialog";
import { START } from "../state";
import type { Context } from "../view";
import { payloadPart } from "./payload";
import { problemTable, warningList } from "./problems";

export interface Detail {
  readonly element: HTMLElement;
  /** Shows another contribution, or none. */
  show(id: string): void;
  /** It may have changed. */
  refresh(): void;
}

export function makeDetail(context: Context, close: () => void): Detail {
  let id = "";
  let shown: string | undefined;
  const heading = h("h2", { tabIndex: -1 }, t("contributions_one"));
  const state = h("div", { role: "status", class: "state" });
  const place = h("div", { class: "stack" });
  const after = h("div", { class: "stack" });
  const element = h(
    "aside",
    { class: "panel detail", "aria-label": t("contributions_one"), hidden: true },
    h("header", { class: "row" }, heading, state, h("button", { type: "button", class: "quiet end", "aria-label": t("shell_close"), onclick: close }, "✕")),
    place,
  );

  async function load(): Promise<void> {
    const mine = id;
    try {
      const contribution = await json<Contribution>(pathOf("api/v1/contributions", mine));
      if (mine !== id) return;
      const version = JSON.stringify(contribution);
      if (version === shown) return;
      // The payload stays as it is while the state changes.
      const former = shown === undefined ? null : place.querySelector<HTMLElement>(".delivered");
      shown = version;
      put(state, statusPill(contribution.status));
      put(place, facts(contribution), outcome(contribution), actions(contribution), after, former ?? delivered(contribution));
    } catch (error) {
      if (mine !== id) return;
      put(state);
      put(place, error instanceof Refused && error.status === 404 ? trouble(new Error(t("contributions_unknown", { id: mine }))) : trouble(error, () => void load()));
    }
  }

  function facts(contribution: Contribution): HTMLElement {
    const { dataset, node } = contribution;
    const fact = (name: string, value: string | number | Node | null | undefined): HTMLElement[] =>
      value === undefined || value === null || value === "" ? [] : [h("dt", {}, name), h("dd", {}, value)];
    const there = h("a", { href: context.link({ ...START, from: undefined, to: undefined, view: "series", dataset, node }) }, [dataset, node].filter(Boolean).join("/"));
    const variables = Object.entries(contribution.variables ?? {}).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`);
    return h(
      "dl",
      { class: "facts" },
      ...fact(t("contributions_received"), h("span", {}, `${formatTime(contribution.received_at, context.zone(), "millisecond")} ${context.zone()} · `, agoElement(contribution.received_at, context.zone()))),
      ...fact(t("contributions_to"), there),
      ...fact(t("contributions_endpoint"), contribution.endpoint),
      ...fact(t("contributions_from"), [contribution.sender, contribution.address].filter((text, at, all) => text && all.indexOf(text) === at).join(" · ")),
      ...fact(t("contributions_type"), [contribution.content_type, contribution.content_encoding].filter(Boolean).join(" · ")),
      ...fact(t("contributions_size"), formatBytes(contribution.n_bytes)),
      ...fact(t("contributions_seq"), formatCount(contribution.seq)),
      ...fact(t("contributions_variables"), variables.join("; ")),
      ...fact(t("contributions_key"), contribution.idempotency_key),
      ...fact("ID", copyLine(contribution.id, "ID")),
      ...fact("SHA-256", copyLine(contribution.sha256, "SHA-256")),
    );
  }

  function outcome({ outcome }: Contribution): HTMLElement {
    if (!outcome) return h("p", { class: "callout" }, t("contributions_waits"));
    const figure = (n: number, text: string, kind = ""): HTMLElement => h("div", { class: `figure ${kind}` }, h("strong", { class: "num" }, formatCount(n)), h("span", { class: "muted small" }, text));
    return h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "figures" },
        figure(outcome.n_rows_read, t("contributions_read")),
        figure(outcome.n_rows_accepted, t("contributions_accepted"), outcome.n_rows_accepted > 0 ? "ok" : ""),
        figure(outcome.n_rows_rejected, t("contributions_rejected"), outcome.n_rows_rejected > 0 ? "error" : ""),
        figure(outcome.n_coordinates_added, t("contributions_new_coordinates")),
        outcome.commit === undefined || outcome.commit === null ? null : figure(outcome.commit, t("contributions_commit")),
      ),
      warningList(outcome.warnings),
      outcome.problems.length > 0 ? problemTable(outcome.problems, outcome.n_problems) : null,
    );
  }

  function actions(contribution: Contribution): HTMLElement {
    const retry = h("button", { type: "button", disabled: !contribution.outcome, onclick: () => void correct("retry", contribution) }, t("contributions_retry"));
    const retract = h("button", { type: "button", class: "danger", disabled: contribution.status === "retracted", onclick: () => void correct("retract", contribution) }, t("contributions_retract"));
    return h("div", { class: "row actions" }, retry, retract);
  }

  function delivered(contribution: Contribution): HTMLElement {
    return h("section", { class: "delivered stack" }, h("h3", {}, t("contributions_payload")), payloadPart(contribution, context));
  }

  async function correct(what: "retry" | "retract", contribution: Contribution): Promise<void> {
    const names = { when: formatTime(contribution.received_at, context.zone()), place: [contribution.dataset, contribution.node].filter(Boolean).join("/") };
    const [title, text] = what === "retry" ? [t("contributions_retry"), t("contributions_retry_ask", names)] : [t("contributions_retract"), t("contributions_retract_ask", names)];
    if (!(await confirmed(title, text, title))) return;
    put(after, h("p", { class: "callout", role: "status" }, t("contributions_correcting")));
    const path = pathOf("api/v1/contributions", contribution.id, what === "retry" ? "retry" : "");
    try {
      const receipt = await json<{ status: string }>(`${path}?wait=merged`, { method: what === "retry" ? "POST" : "DELETE" });
      if (id !== contribution.id) return;
      const isDone = receipt.status !== "journaled";
      put(after, h("p", { class: "callout ok", role: "status" }, isDone ? t("contributions_corrected", { status: statusText(receipt.status) }) : t("contributions_correction_waits")));
    } catch (error) {
      if (id !== contribution.id) return;
      const denied = error instanceof Refused && (error.status === 403 || error.status === 401);
      put(after, trouble(error, undefined, denied ? h("button", { type: "button", onclick: () => context.signIn() }, t("contributions_other_person")) : null));
    }
    void load();
  }

  return {
    element,
    show(next) {
      element.hidden = next === "";
      if (next === id) return;
      id = next;
      shown = undefined;
      put(after);
      put(state);
      put(place, id === "" ? null : h("p", { class: "muted" }, t("shell_loading")));
      if (id !== "") void load();
    },
    refresh: () => void (id !== "" && load()),
  };
}
