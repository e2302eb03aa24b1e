/** Which contribution wrote a value. */

import { Refused, json, pathOf } from "../api/client";
import { h } from "../dom";
import { formatTime } from "../format";
import { t } from "../i18n";
import { START } from "../state";
import type { Context } from "../view";
import { quoted } from "../api/query";
import type { Series } from "./lines";
import type { Model } from "./model";
import { columnsOf, timeOf } from "./node";
import { iso } from "./scale";

/** A contribution that brought a value. */
interface Writer {
  id: string;
  received_at: string;
  sender?: string;
  endpoint: string;
}
export type Origin = Writer | "unknown";

/** Asks for the contribution that wrote the value of a series at a time. */
export async function originOf(model: Model, series: Series, time: number, signal: AbortSignal): Promise<Origin | undefined> {
  const query = new URLSearchParams({ var: series.variable.name });
  query.set(`sel.${timeOf(model.node)?.name ?? ""}`, iso(time));
  for (const { coordinate, choice } of series.at) {
    const names = columnsOf(coordinate);
    const values = names.length > 1 ? choice.key.split(",") : [choice.key];
    names.forEach((name, i) => query.set(`sel.${name}`, quoted(values[i] ?? "")));
  }
  try {
    const answer = await json<{ contributions: Writer[] }>(`${pathOf("api/v1/origin", model.dataset, model.node.path)}?${query.toString()}`, { signal });
    return answer.contributions[0] ?? "unknown";
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    if (error instanceof Refused && error.status < 500) return "unknown";
    throw error;
  }
}

/** The contribution with its sender and time, as a link to it. */
export function originElement(context: Context, dataset: string, origin: Origin): HTMLElement {
  if (origin === "unknown") return h("span", { class: "muted small" }, t("series_no_origin"));
  const { id, sender, received_at, endpoint } = origin;
  return h(
    "span",
    { class: "origin small" },
    `${t("series_from")} `,
    h("a", { href: context.link({ ...START, from: undefined, to: undefined, view: "contributions", dataset, more: { id } }), class: "mono" }, id.slice(-12)),
    ` ${t("series_by", { sender: sender ?? endpoint })}, ${t("series_at", { time: formatTime(received_at, context.zone()) })}`,
  );
}
