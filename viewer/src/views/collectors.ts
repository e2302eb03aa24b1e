/** What fetches data by itself: when, with what outcome, and what keeps it from doing so. */

import { type CollectorState, json, pathOf, Refused } from "../api/client";
import { schedule } from "../collectors/cron";
import { h, put } from "../dom";
import { formatAgo, formatBytes, formatCount, formatDuration, formatTime } from "../format";
import { t, type TextName, tn } from "../i18n";
import { agoElement, refreshAgo, statusText, trouble } from "../parts";
import { message } from "../shell/signin";
import { START } from "../state";
import type { Context, MakeView } from "../view";
import "./collectors.css";

const ASK_MS = 300;
/** Also without events, what is due moves on. */
const ASK_EVERY_MS = 20_000;

export const make: MakeView = (context) => {
  let waits = 0;
  let shown = "";
  const list = h("div", { class: "stack" }, h("p", { class: "empty" }, t("shell_loading")));
  const element = h("section", { class: "collectors stack" }, h("h1", {}, t("collectors")), list);
  const ticking = setInterval(() => refreshAgo(element), 1000);
  const asking = setInterval(() => void load(), ASK_EVERY_MS);

  async function load(): Promise<void> {
    try {
      const { collectors } = await json<{ collectors: CollectorState[] }>("api/v1/collectors");
      const { dataset } = context.state();
      const fitting = collectors.filter((collector) => dataset === "" || collector.dataset === dataset);
      const version = JSON.stringify([fitting, context.zone()]);
      if (version === shown) return;
      shown = version;
      // The button that has focus keeps it.
      const focused = document.activeElement?.closest<HTMLElement>("[data-name]")?.dataset.name;
      const kept = new Set([...list.querySelectorAll<HTMLDetailsElement>("details[open]")].map((details) => details.closest<HTMLElement>("[data-name]")?.dataset.name));
      put(list, ...(fitting.length === 0 ? [h("p", { class: "empty panel" }, t("collectors_none"))] : fitting.map((collector) => card(collector, context, kept.has(collector.name)))));
      if (focused !== undefined) list.querySelector<HTMLElement>(`[data-name="${CSS.escape(focused)}"] button`)?.focus();
    } catch (error) {
      shown = "";
      put(list, trouble(error, () => void load()));
    }
  }

  return {
    element,
    update: () => void load(),
    event({ type }) {
      if (type !== "collector" && type !== "reset" && type !== "commit") return;
      clearTimeout(waits);
      waits = window.setTimeout(() => void load(), ASK_MS);
    },
    redraw: () => void load(),
    destroy() {
      clearInterval(ticking);
      clearInterval(asking);
      clearTimeout(waits);
    },
  };
};

function card(collector: CollectorState, context: Context, isOpen: boolean): HTMLElement {
  const zone = context.zone();
  const { name, last_run: last, n_failed_in_a_row: nFailed } = collector;
  const fact = (label: string, ...content: (Node | string | null)[]): HTMLElement => h("div", { class: "fact" }, h("span", { class: "muted small" }, label), h("div", {}, ...content));
  const run = h("button", { type: "button", "aria-label": t("collectors_run_one", { name }), disabled: Boolean(collector.running_since), onclick: () => void runNow() }, t("collectors_run"));
  const answer = h("div", { role: "status" });

  async function runNow(): Promise<void> {
    run.disabled = true;
    try {
      await json(pathOf("api/v1/collectors", name, "run"), { method: "POST" });
      context.tell(t("collectors_asked", { name }), "note");
    } catch (error) {
      run.disabled = false;
      const denied = error instanceof Refused && error.status === 403;
      if (denied) put(answer, trouble(error, undefined, h("button", { type: "button", onclick: () => context.signIn() }, t("contributions_other_person"))));
      else context.tell(message(error));
    }
  }

  const link = context.link({ ...START, from: undefined, to: undefined, view: "contributions", dataset: collector.dataset, more: { endpoint: collector.endpoint } });
  return h(
    "article",
    { class: "panel collector", "data-name": name, "aria-label": name },
    h(
      "header",
      { class: "row" },
      h("h2", {}, name),
      h("span", { class: "muted" }, [kindText(collector.kind), t("collectors_to", { dataset: collector.dataset })].join(" · ")),
      nFailed > 0 ? h("span", { class: "pill error" }, tn("collectors_in_a_row", nFailed)) : null,
      h("span", { class: "grow" }),
      h("a", { href: link }, t("contributions")),
      run,
    ),
    answer,
    collector.trouble ? h("p", { class: "callout error" }, collector.trouble) : null,
    h(
      "div",
      { class: "facts-row" },
      fact(t("collectors_schedule"), ...schedules(collector.schedule)),
      fact(
        t("collectors_next"),
        collector.running_since
          ? h("span", { class: "pill ok" }, t("collectors_running", { when: formatTime(collector.running_since, zone) }))
          : collector.next_run
            ? h("span", {}, agoElement(collector.next_run, zone), h("div", { class: "muted small num" }, formatTime(collector.next_run, zone)))
            : "–",
      ),
      fact(
        t("collectors_last"),
        last
          ? h(
              "span",
              {},
              h("span", { class: `pill ${last.is_good ? "ok" : "error"}` }, last.is_good ? t("collectors_good") : t("collectors_bad")),
              " · ",
              agoElement(last.ended, zone),
              h("div", { class: "muted small num" }, `${formatTime(last.began, zone)} · ${t("collectors_took", { duration: formatDuration(Date.parse(last.ended) - Date.parse(last.began)) })}`),
            )
          : t("collectors_never"),
      ),
      fact(t("collectors_outcomes"), last && Object.keys(last.outcomes).length > 0 ? Object.entries(last.outcomes).map(([status, n]) => `${formatCount(n)} ${statusText(status)}`).join(", ") : "–"),
    ),
    last && last.errors.length > 0
      ? h("div", { class: "callout error" }, h("strong", {}, t("collectors_errors")), h("ul", {}, ...last.errors.map((error) => h("li", {}, error))))
      : null,
    h("details", { open: isOpen }, h("summary", {}, summary(collector)), counts(collector)),
  );
}

function schedules(texts: string[]): HTMLElement[] {
  if (texts.length === 0) return [h("span", {}, t("collectors_subscribed"))];
  return texts.map((text) => {
    const { words, expression } = schedule(text);
    return h("div", {}, words === undefined ? null : h("span", {}, words, " "), h("code", { class: "muted" }, expression));
  });
}

function kindText(kind: string): string {
  return ["http", "mqtt", "folder", "objects"].includes(kind) ? t(`collectors_kind_${kind}` as TextName) : kind;
}

function summary({ totals }: CollectorState): string {
  const part = (n: number, name: TextName): string => `${formatCount(n)} ${t(name)}`;
  return [part(totals.n_runs, "collectors_runs"), part(totals.n_failed_runs, "collectors_failed_runs"), part(totals.n_requests, "collectors_requests"), part(totals.n_contributed, "collectors_contributed"), formatBytes(totals.bytes)].join(" · ");
}

function counts({ last_run: last, totals }: CollectorState): HTMLElement {
  const rows = [
    ["planned", last?.n_planned, totals.n_planned],
    ["requests", last?.n_requests, totals.n_requests],
    ["retries", last?.n_retries, totals.n_retries],
    ["fresh", last?.n_fresh, totals.n_fresh],
    ["unchanged", last?.n_unchanged, totals.n_unchanged],
    ["failed", last?.n_failed, totals.n_failed],
    ["contributed", last?.n_contributed, totals.n_contributed],
    ["bytes", last?.bytes, totals.bytes],
  ] as const;
  const cell = (n: number | undefined): HTMLElement => h("td", { class: "num" }, n === undefined ? "–" : formatCount(n));
  const head = [t("collectors_what"), t("collectors_of_last"), t("collectors_of_all")];
  return h(
    "table",
    { class: "data" },
    h("thead", {}, h("tr", {}, ...head.map((text, at) => h("th", { scope: "col", class: at > 0 ? "num" : undefined, title: at === 1 && last ? formatAgo(last.ended) : undefined }, text)))),
    h("tbody", {}, ...rows.map(([name, one, all]) => h("tr", {}, h("th", { scope: "row" }, t(`collectors_${name}`)), cell(one), cell(all)))),
  );
}
