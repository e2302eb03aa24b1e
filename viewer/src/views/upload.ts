/** Contributing a file by hand: first what the service makes of it, then the contribution itself. */

import { type CollectorState, type DatasetSummary, json, Refused } from "../api/client";
import { problemTable, warningList } from "../contributions/problems";
import { h, put } from "../dom";
import { formatBytes } from "../format";
import { t, tn } from "../i18n";
import { statusPill, trouble } from "../parts";
import { START } from "../state";
import { makeDrafting } from "../upload/drafted";
import { ACCEPTED } from "../upload/kind";
import { showTrial } from "../upload/preview";
import { contribute, type Destination, newKey, type Sent, tryOut } from "../upload/send";
import type { MakeView } from "../view";
import "./upload.css";

export const make: MakeView = (context) => {
  let datasets: DatasetSummary[] = [];
  let file: File | undefined;
  let key = newKey();
  let trial = new AbortController();
  let tried = "";
  const input = h("input", { type: "file", accept: ACCEPTED, class: "visually-hidden", id: "upload-file", onchange: () => choose(input.files?.[0]) });
  const chosen = h("p", { class: "chosen", role: "status" });
  const drop = h(
    "label",
    { class: "drop panel", for: "upload-file" },
    h("strong", {}, t("upload_drop")),
    h("span", { class: "muted small" }, t("upload_formats")),
    chosen,
  );
  const endpoint = h("input", { type: "text", required: true, "aria-describedby": "upload-endpoint-hint", onchange: () => destine({ endpoint: endpoint.value.trim() }) });
  endpoint.setAttribute("list", "upload-endpoints");
  const endpoints = h("datalist", { id: "upload-endpoints" });
  const place = h("select", {
    onchange: () => {
      const [dataset = "", node = ""] = place.value.split("\n");
      context.go({ dataset, node, more: {} }, "replace");
    },
  });
  const result = h("div", { class: "stack result" });
  const send = h("button", { type: "button", class: "primary", disabled: true, onclick: () => void contributeNow() }, t("upload_contribute"));
  const drafting = makeDrafting(refusal);
  const isDrafting = (): boolean => context.state().more.way === "draft";
  const title = h("h1");
  const toDraft = h("a", {}, t("draft_offer"));
  const toContribute = h("a", {}, t("draft_back"));
  const destinationPanel = h(
    "div",
    { class: "panel pad stack destination" },
    h("label", { class: "field" }, t("upload_place"), place),
    h("label", { class: "field" }, t("upload_endpoint"), endpoint),
    endpoints,
    h("p", { class: "muted small", id: "upload-endpoint-hint" }, t("upload_endpoint_hint")),
    h("div", { class: "row" }, send),
    h("p", {}, toDraft),
  );
  const draftPanel = h(
    "div",
    { class: "panel pad stack destination" },
    h("p", {}, t("draft_about")),
    h("p", {}, toContribute),
  );
  const element = h(
    "section",
    { class: "upload stack" },
    title,
    h(
      "div",
      { class: "steps" },
      h("div", {}, input, drop),
      destinationPanel,
      draftPanel,
    ),
    result,
    drafting.element,
  );

  // Anywhere in the view a file can be dropped.
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  element.addEventListener("dragleave", () => drop.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    choose(event.dataTransfer?.files[0]);
  });

  function choose(one: File | undefined): void {
    if (one === undefined) return;
    file = one;
    key = newKey();
    put(chosen, h("strong", {}, one.name), ` ${formatBytes(one.size)}`);
    if (isDrafting()) drafting.begin(one);
    else void preview(true);
  }

  const destination = (): Destination => {
    const { dataset, node, more } = context.state();
    return { endpoint: more.endpoint ?? dataset, node };
  };

  function destine(change: { endpoint: string }): void {
    const isOwn = change.endpoint === "" || change.endpoint === context.state().dataset;
    context.go({ more: isOwn ? {} : { endpoint: change.endpoint } }, "replace");
  }

  async function preview(isForced = false): Promise<void> {
    const to = destination();
    const now = JSON.stringify([to, file?.name, file?.size, file?.lastModified]);
    if (file === undefined || to.endpoint === "" || (now === tried && !isForced)) return;
    tried = now;
    key = newKey();
    trial.abort();
    trial = new AbortController();
    const { signal } = trial;
    send.disabled = true;
    result.setAttribute("aria-busy", "true");
    if (result.childElementCount === 0) put(result, h("p", { class: "callout", role: "status" }, t("upload_trying")));
    try {
      const answer = await tryOut(file, to, signal);
      if (signal.aborted) return;
      put(result, ...showTrial(answer));
      send.disabled = (answer.outcome?.n_rows_accepted ?? 0) === 0 && (answer.outcome?.status ?? "rejected") === "rejected";
    } catch (error) {
      if (signal.aborted) return;
      put(result, refusal(error, () => void preview(true)));
    } finally {
      if (!signal.aborted) result.removeAttribute("aria-busy");
    }
  }

  async function contributeNow(): Promise<void> {
    if (file === undefined) return;
    send.disabled = true;
    put(send, t("upload_sending"));
    try {
      put(result, ...sent(await contribute(file, destination(), key)));
      tried = "";
    } catch (error) {
      send.disabled = false;
      const old = result.querySelector(".refusal");
      old?.remove();
      result.prepend(refusal(error, () => void contributeNow()));
    } finally {
      put(send, t("upload_contribute"));
      input.value = "";
      result.scrollIntoView({ block: "nearest" });
    }
  }

  function sent({ id, status, outcome, problem }: Sent): HTMLElement[] {
    const { dataset, node } = context.state();
    const problems = outcome?.problems ?? problem?.problems ?? [];
    const to = { ...START, from: undefined, to: undefined, dataset, node };
    const text =
      outcome === undefined ? (problem?.detail ?? t("upload_waits")) : tn(outcome.n_rows_rejected > 0 ? "upload_taken_partly" : "upload_taken", outcome.n_rows_accepted, { rejected: outcome.n_rows_rejected });
    return [
      h(
        "div",
        { class: `callout stack ${status === "rejected" ? "error" : status === "partial" ? "warn" : "ok"}`, role: "status" },
        h("div", { class: "row" }, statusPill(status), h("span", {}, text)),
        h(
          "div",
          { class: "row" },
          id === undefined ? null : h("a", { class: "button", href: context.link({ ...to, view: "contributions", more: { id } }) }, t("upload_see_contribution")),
          status === "rejected" ? null : h("a", { class: "button", href: context.link({ ...to, view: "series" }) }, t("upload_see_series")),
        ),
      ),
      ...[warningList(outcome?.warnings)].filter((list) => list !== null),
      ...(problems.length > 0 ? [problemTable(problems, outcome?.n_problems ?? problems.length)] : []),
    ];
  }

  function refusal(error: unknown, again: () => void): HTMLElement {
    const denied = error instanceof Refused && (error.status === 403 || error.status === 401);
    const element = trouble(error, denied ? undefined : again, denied ? h("button", { type: "button", onclick: () => context.signIn() }, t("contributions_other_person")) : null);
    element.classList.add("refusal");
    return element;
  }

  async function load(): Promise<void> {
    datasets = await context.datasets().catch(() => []);
    put(
      place,
      h("option", { value: "" }, t("upload_choose_place")),
      ...datasets.flatMap(({ name, nodes }) => nodes.map((node) => h("option", { value: `${name}\n${node}` }, node === "" ? name : `${name} / ${node}`))),
    );
    const { dataset, node } = context.state();
    place.value = dataset === "" ? "" : `${dataset}\n${node}`;
    // A dataset of one node needs no choice.
    const only = datasets.find(({ name }) => name === dataset)?.nodes;
    if (place.selectedIndex < 0 && only?.length === 1) context.go({ node: only[0] ?? "" }, "replace");
    const collectors = await json<{ collectors: CollectorState[] }>("api/v1/collectors").catch(() => ({ collectors: [] }));
    const names = [...datasets.map(({ name }) => name), ...collectors.collectors.map((collector) => collector.endpoint)];
    put(endpoints, ...[...new Set(names)].map((name) => h("option", { value: name })));
  }

  return {
    element,
    update(state) {
      const drafts = isDrafting();
      toDraft.href = context.link({ more: { way: "draft" } });
      toContribute.href = context.link({ more: {} });
      put(title, t(drafts ? "draft_title" : "upload_title"));
      destinationPanel.hidden = result.hidden = drafts;
      draftPanel.hidden = drafting.element.hidden = !drafts;
      if (drafts) {
        if (file !== undefined) drafting.begin(file);
        return;
      }
      drafting.end();
      endpoint.value = destination().endpoint;
      if (datasets.length > 0) place.value = state.dataset === "" ? "" : `${state.dataset}\n${state.node}`;
      void load().then(() => preview());
    },
    destroy() {
      trial.abort();
      drafting.end();
    },
  };
};
