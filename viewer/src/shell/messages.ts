/** Messages about what happened; errors stay until they are put away. */

import { h } from "../dom";
import { t } from "../i18n";

const STAYS_MS = 8000;
const MAX_SHOWN = 4;

const notes = h("div", { role: "status", "aria-live": "polite" });
const errors = h("div", { role: "alert" });

export const messages = h("div", { class: "messages" }, errors, notes);

/** What was said to another person. */
export function forgetMessages(): void {
  errors.replaceChildren();
  notes.replaceChildren();
}

export function tell(message: string, kind: "error" | "note" = "error"): void {
  const list = kind === "error" ? errors : notes;
  for (const shown of list.children) if (shown.firstChild?.textContent === message) shown.remove();
  const element = h(
    "div",
    { class: `callout ${kind === "error" ? "error" : "ok"}` },
    h("p", {}, message),
    h("button", { type: "button", class: "quiet", "aria-label": t("shell_dismiss"), onclick: () => element.remove() }, "✕"),
  );
  list.append(element);
  while (list.children.length > MAX_SHOWN) list.firstElementChild?.remove();
  if (kind === "note") setTimeout(() => element.remove(), STAYS_MS);
}
