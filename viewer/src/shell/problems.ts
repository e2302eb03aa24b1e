/** What is wrong at the service: gathered from its events, its readiness, collectors and contributions. */

import { json, Refused, type CollectorState, type Contribution } from "../api/client";
import type { ServerEvent } from "../api/events";
import { h, put } from "../dom";
import { formatAgo, formatTime } from "../format";
import { t, tn } from "../i18n";
import { START } from "../state";
import type { Context } from "../view";
import { openDialog } from "./dialog";

export interface Trouble {
  /** Tells it from others. */
  key: string;
  title: string;
  /** Why, and what to do. */
  text: string;
  /** ISO 8601. */
  since?: string | undefined;
  /** Where more can be seen. */
  link?: string | undefined;
}

/** Event `problem`. */
interface ProblemEvent {
  rule: string;
  subject: string;
  dataset: string;
  is_over: boolean;
  since: string;
  title: string;
  text: string;
}

const ASKED_EVERY_MS = 30_000;
const REJECTED_WITHIN_MS = 24 * 3600 * 1000;

export interface Problems {
  event(event: ServerEvent): void;
  /** Asks again, as after the connection was lost or the person has changed. */
  ask(): void;
  list(): Trouble[];
  open(): void;
  /** What is known belongs to another person. */
  forget(): void;
}

export function followProblems(context: Context, changed: (n: number) => void): Problems {
  const told = new Map<string, Trouble>();
  let found: Trouble[] = [];
  let shown: HTMLElement | undefined;
  let asked = 0;
  let waits = 0;

  const list = (): Trouble[] => {
    const rules = [...told.keys()];
    const covered = ({ key }: Trouble): boolean => rules.some((rule) => key.startsWith("collector ") && rule.startsWith("collector_failed ") && rule.endsWith(key.slice(10)));
    return [...told.values(), ...found.filter((trouble) => !covered(trouble))].sort((a, b) => (b.since ?? "").localeCompare(a.since ?? ""));
  };
  const tellChange = (): void => {
    changed(list().length);
    if (shown !== undefined) put(shown, ...items(list(), context));
  };
  const ask = async (): Promise<void> => {
    const mine = ++asked;
    const answers = await Promise.all([readiness(), collectors(context), rejected(context)]);
    if (mine !== asked) return;
    found = answers.flat();
    tellChange();
  };
  const askSoon = (): void => {
    clearTimeout(waits);
    waits = window.setTimeout(() => void ask(), 700);
  };
  setInterval(() => document.hidden || void ask(), ASKED_EVERY_MS);

  return {
    event({ type, data }) {
      if (type === "problem") {
        const problem = data as ProblemEvent;
        const key = `${problem.rule} ${problem.subject}`;
        if (problem.is_over) told.delete(key);
        else told.set(key, { key, title: problem.title, text: problem.text, since: problem.since, link: linkOf(problem, context) });
        tellChange();
        if (problem.rule.startsWith("store")) askSoon();
      } else if (type === "reset") {
        told.clear();
        askSoon();
      } else if (type === "collector" || (type === "contribution" && (data as Contribution).status === "rejected")) askSoon();
    },
    ask: () => void ask(),
    list,
    open() {
      shown = h("ul", { class: "problems" }, ...items(list(), context));
      const dialog = openDialog(t("shell_problems"), [shown], () => (shown = undefined));
      shown.addEventListener("click", (event) => (event.target as Element).closest("a") && dialog.close());
    },
    forget() {
      told.clear();
      found = [];
      tellChange();
    },
  };
}

function items(problems: Trouble[], context: Context): HTMLElement[] {
  if (problems.length === 0) return [h("li", { class: "empty" }, t("shell_no_problems"))];
  return problems.map(({ title, text, since, link }) =>
    h(
      "li",
      { class: "callout error" },
      h("h3", {}, title),
      since === undefined ? null : h("p", { class: "muted small" }, t("shell_since", { when: `${formatTime(since, context.zone())} (${formatAgo(since)})` })),
      text === "" ? null : h("p", {}, text),
      link === undefined ? null : h("p", {}, h("a", { href: link }, t("shell_more"))),
    ),
  );
}

function linkOf({ rule, dataset, subject }: ProblemEvent, context: Context): string | undefined {
  if (rule.startsWith("collector")) return context.link({ ...START, from: undefined, to: undefined, view: "collectors" });
  if (!rule.startsWith("contribution")) return undefined;
  const node = subject.startsWith(`${dataset}/`) ? subject.slice(dataset.length + 1) : "";
  return context.link({ ...START, from: undefined, to: undefined, view: "contributions", dataset, node, more: { status: "rejected" } });
}

async function readiness(): Promise<Trouble[]> {
  try {
    await json("health/ready");
    return [];
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 0) return [{ key: "silent", title: t("shell_silent"), text: error.message }];
    if (error.status !== 503) return [];
    const reasons = error.problem?.problems?.map(({ reason }) => reason) ?? [];
    return [{ key: "ready", title: t("shell_not_ready"), text: reasons.length > 0 ? reasons.join(" · ") : error.message }];
  }
}

async function collectors(context: Context): Promise<Trouble[]> {
  const { collectors } = await allowed<{ collectors: CollectorState[] }>("api/v1/collectors", { collectors: [] });
  const link = context.link({ ...START, from: undefined, to: undefined, view: "collectors" });
  return collectors
    .filter(({ trouble, n_failed_in_a_row: n }) => (trouble ?? "") !== "" || n > 0)
    .map(({ name, trouble, n_failed_in_a_row: n, last_run }) => ({
      key: `collector ${name}`,
      title: n > 0 ? tn("shell_collector_failed", n, { name }) : t("shell_collector_trouble", { name }),
      text: trouble ?? last_run?.errors[0] ?? "",
      since: last_run?.ended,
      link,
    }));
}

async function rejected(context: Context): Promise<Trouble[]> {
  const path = "api/v1/contributions?status=rejected&limit=100";
  const { contributions } = await allowed<{ contributions: Contribution[] }>(path, { contributions: [] });
  const places = new Map<string, Contribution[]>();
  for (const contribution of contributions) {
    if (Date.now() - Date.parse(contribution.received_at) > REJECTED_WITHIN_MS) continue;
    const place = [contribution.dataset, contribution.node].filter((part) => part !== "").join("/");
    places.set(place, [...(places.get(place) ?? []), contribution]);
  }
  return [...places].flatMap(([place, there]) => {
    const first = there[0];
    if (first === undefined) return [];
    const { dataset, node, received_at: since } = first;
    const link = context.link({ ...START, from: undefined, to: undefined, view: "contributions", dataset, node, more: { status: "rejected" } });
    return [{ key: `rejected ${place}`, title: tn("shell_rejected", there.length, { place }), text: t("shell_rejected_hint"), since, link }];
  });
}

/** What is asked for, or `otherwise` where the person may not know it. */
async function allowed<T>(path: string, otherwise: T): Promise<T> {
  try {
    return await json<T>(path, {});
  } catch {
    return otherwise;
  }
}
