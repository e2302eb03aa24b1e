/** Dialogs: the rest of the page is out of reach while one is open; Escape closes it; focus goes back. */

import { type Child, h } from "../dom";
import { t } from "../i18n";

export interface Dialog {
  readonly element: HTMLDialogElement;
  close(): void;
}

let count = 0;

export function openDialog(title: string, content: Child[], whenClosed?: () => void): Dialog {
  const id = `dialog-${++count}`;
  const from = document.activeElement;
  const element = h(
    "dialog",
    { "aria-labelledby": id },
    h("header", {}, h("h2", { id }, title), closeButton(() => element.close())),
    h("div", { class: "content" }, ...content),
  );
  element.addEventListener("close", () => {
    element.remove();
    whenClosed?.();
    if (from instanceof HTMLElement && from.isConnected) from.focus();
  });
  // A click beside the dialog closes it as Escape does.
  element.addEventListener("mousedown", (event) => event.target === element && element.close());
  document.body.append(element);
  element.showModal();
  return { element, close: () => element.close() };
}

/** Asks before something that is not easily undone. */
export function confirmed(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const decide = (is: boolean): void => {
      answer = is;
      dialog.close();
    };
    const dialog = openDialog(
      title,
      [
        h("p", {}, text),
        h(
          "div",
          { class: "row buttons" },
          h("button", { type: "button", onclick: () => decide(false), autofocus: true }, t("shell_cancel")),
          h("button", { type: "button", class: "primary", onclick: () => decide(true) }, action),
        ),
      ],
      () => resolve(answer),
    );
  });
}

function closeButton(close: () => void): HTMLElement {
  return h("button", { type: "button", class: "quiet", "aria-label": t("shell_close"), onclick: close }, "✕");
}
