/** Choosing by chips: variables, and values of coordinates. */

import { h, put } from "../dom";

export interface Option {
  key: string;
  label: string;
  /** Shown muted behind the label. */
  note?: string;
}

export interface ChipsOptions {
  title: string;
  options: Option[];
  chosen: string[];
  /** One at a time. */
  single?: boolean;
  /** Above the chips, beside the title. */
  extra?: Node;
  texts: { search: string; all: string; none: string; more: (n: number) => string };
  changed: (chosen: string[]) => void;
}

/** With more options than this there is a search. */
const MANY = 12;
/** Most chips at once. */
const MAX_CHIPS = 40;

/** A group of chips that are pressed or not; chosen ones come first when there are many. */
export function chips({ title, options, chosen, single, extra, texts, changed }: ChipsOptions): HTMLElement {
  let pressed = chosen;
  const isMany = options.length > MANY;
  const list = h("div", { class: "chips" });
  const search = h("input", { type: "search", placeholder: texts.search, "aria-label": `${texts.search}: ${title}`, oninput: () => fill() });
  const change = (next: string[]): void => {
    pressed = next;
    fill();
    changed(options.map(({ key }) => key).filter((key) => next.includes(key)));
  };
  function fill(): void {
    const wanted = search.value.trim().toLowerCase();
    const matches = options.filter(({ label, note }) => `${label} ${note ?? ""}`.toLowerCase().includes(wanted));
    const ordered = isMany ? [...matches.filter(({ key }) => pressed.includes(key)), ...matches.filter(({ key }) => !pressed.includes(key))] : matches;
    const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.key : undefined;
    put(
      list,
      ...ordered.slice(0, MAX_CHIPS).map(({ key, label, note }) => {
        const isPressed = pressed.includes(key);
        return h(
          "button",
          {
            type: "button", class: "chip", "data-key": key, "aria-pressed": String(isPressed),
            onclick: () => change(single ? [key] : isPressed ? pressed.filter((other) => other !== key) : [...pressed, key]),
          },
          label,
          note !== undefined && h("small", {}, ` ${note}`),
        );
      }),
      ordered.length > MAX_CHIPS && h("span", { class: "muted" }, texts.more(ordered.length - MAX_CHIPS)),
    );
    if (focused !== undefined) [...list.children].find((chip): chip is HTMLElement => chip instanceof HTMLElement && chip.dataset.key === focused)?.focus();
  }
  fill();
  const small = (text: string, keys: () => string[]): HTMLElement => h("button", { type: "button", class: "link", onclick: () => change(keys()) }, text);
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, title),
    (isMany || extra !== undefined || (!single && options.length > 3)) &&
      h(
        "div",
        { class: "choice-tools" },
        isMany && search,
        !single && options.length > 3 && small(texts.all, () => options.slice(0, 100).map(({ key }) => key)),
        !single && options.length > 3 && small(texts.none, () => options.slice(0, 1).map(({ key }) => key)),
        extra,
      ),
    list,
  );
}
