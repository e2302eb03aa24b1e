/** Small pieces that several views show. */

import { type Child, h, put } from "./dom";
import { formatAgo, formatTime } from "./format";
import { t, type TextName } from "./i18n";
import { tell } from "./shell/messages";

/** A text that a button copies. */
export function copyLine(text: string, label: string): HTMLElement {
  return h("div", { class: "copy" }, h("code", { tabIndex: 0, role: "textbox", "aria-readonly": "true", "aria-label": label }, text), copyButton(text, label));
}

/** The button alone, for a text that stands elsewhere. */
export function copyButton(text: string, label: string): HTMLElement {
  const button = h("button", { type: "button", "aria-label": `${t("shell_copy")}: ${label}` }, t("shell_copy"));
  button.addEventListener("click", () => void copy());
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      put(button, t("shell_copied"));
      setTimeout(() => put(button, t("shell_copy")), 2000);
    } catch {
      tell(t("shell_copy_failed"));
    }
  }
  return button;
}

const STATUS_CLASS: Record<string, string> = { merged: "ok", partial: "warn", rejected: "error", journaled: "muted", retracted: "muted" };

/** The state of a contribution. */
export function statusPill(status: string): HTMLElement {
  return h("span", { class: `pill ${STATUS_CLASS[status] ?? ""}` }, statusText(status));
}

export const statusText = (status: string): string => (status in STATUS_CLASS ? t(`status_${status}` as TextName) : status);

/** A moment told from now, exactly under the pointer; `refreshAgo` brings it up to date. */
export function agoElement(at: string | null | undefined, zone: string): HTMLElement {
  if (!at) return h("span", { class: "muted" }, "–");
  return h("time", { dateTime: at, title: `${formatTime(at, zone)} ${zone}`, "data-ago": at, class: "nowrap" }, formatAgo(at));
}

/** Brings all moments inside of an element up to date. */
export function refreshAgo(root: Element): void {
  const now = Date.now();
  for (const element of root.querySelectorAll<HTMLElement>("[data-ago]")) {
    const text = formatAgo(element.dataset.ago ?? "", now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/** What went wrong where something was to be shown. */
export function trouble(error: unknown, again?: () => void, ...more: Child[]): HTMLElement {
  return h(
    "div",
    { class: "callout error row", role: "alert" },
    h("p", { class: "grow" }, error instanceof Error ? error.message : String(error)),
    ...more,
    again === undefined ? null : h("button", { type: "button", onclick: again }, t("shell_again")),
  );
}

/** The address of this service with a path, for lines that people run elsewhere. */
export const absolute = (path: string): string => new URL(path, document.baseURI.replace(/[?#].*$/, "")).href;
