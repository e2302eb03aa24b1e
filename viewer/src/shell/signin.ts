/** Signing in with a token, or a name and a password. */

import { basic, json, Refused, signIn } from "../api/client";
import { h, put } from "../dom";
import { t } from "../i18n";
import { openDialog } from "./dialog";

let isOpen = false;

/** Opens the dialog; `signedIn` is called after the service has let the person in. */
export function openSignIn(reason: string | null, signedIn: () => void): void {
  if (isOpen) return;
  isOpen = true;
  const mode = { token: true };
  const token = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: false, placeholder: "zf_…", required: true });
  const name = h("input", { type: "text", name: "name", autocomplete: "username", required: true });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  const keep = h("input", { type: "checkbox", name: "keep" });
  const trouble = h("p", { role: "alert", class: "error" });
  const submit = h("button", { type: "submit", class: "primary" }, t("shell_sign_in"));
  const fields = h("div", { class: "stack" });
  const tabs = [tab(true, t("shell_with_token")), tab(false, t("shell_with_password"))];

  function tab(isToken: boolean, text: string): HTMLButtonElement {
    return h("button", { type: "button", onclick: () => choose(isToken) }, text);
  }
  function choose(isToken: boolean): void {
    mode.token = isToken;
    tabs.forEach((button, at) => button.setAttribute("aria-pressed", String((at === 0) === isToken)));
    if (isToken) put(fields, field(t("shell_token"), token), h("p", { class: "muted small" }, t("shell_token_hint")));
    else put(fields, field(t("shell_name"), name), field(t("shell_password"), password));
    (isToken ? token : name).focus();
  }

  async function enter(): Promise<void> {
    submit.disabled = true;
    put(trouble);
    const credentials = mode.token ? `Bearer ${token.value.trim()}` : basic(name.value, password.value);
    try {
      await json("api/v1/datasets", { headers: { Authorization: credentials } });
      signIn(credentials, keep.checked);
      dialog.close();
      signedIn();
    } catch (error) {
      put(trouble, error instanceof Refused && error.status === 401 ? t(mode.token ? "shell_bad_token" : "shell_bad_password") : message(error));
      (mode.token ? token : password).select();
    } finally {
      submit.disabled = false;
    }
  }

  const form = h(
    "form",
    {
      class: "stack",
      onsubmit: (event: Event) => {
        event.preventDefault();
        void enter();
      },
    },
    reason === null ? null : h("p", {}, reason),
    h("div", { class: "segments", role: "group", "aria-label": t("shell_how") }, ...tabs),
    fields,
    h("label", { class: "check" }, keep, t("shell_keep")),
    trouble,
    h("div", { class: "row buttons" }, submit),
  );
  const dialog = openDialog(t("shell_sign_in"), [form], () => (isOpen = false));
  dialog.element.classList.add("narrow");
  choose(true);
}

export const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function field(label: string, input: HTMLElement): HTMLElement {
  return h("label", { class: "field" }, label, input);
}
