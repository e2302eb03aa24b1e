/** The list beside the map: the same stations, for the keyboard, for screen readers, and for finding one by name. */

import { h, put } from "../dom";
import { formatCount } from "../format";
import { t } from "../i18n";

/** More rows than that are found by the filter. */
const MAX_ROWS = 300;

export interface Row {
  key: string;
  name: string;
  value: string;
  time: string;
  colour: string | undefined;
  isChosen: boolean;
}

export interface List {
  readonly element: HTMLElement;
  show(rows: readonly Row[]): void;
  /** Marks the row of a station that is pointed at on the map. */
  mark(key: string | undefined): void;
}

export interface Heard {
  chosen(key: string, is: boolean): void;
  pointed(key: string | undefined): void;
  sought(key: string): void;
}

interface Kept {
  element: HTMLLIElement;
  box: HTMLInputElement;
  parts: HTMLElement[];
}

export function makeList(heard: Heard): List {
  const filter = h("input", { type: "search", autocomplete: "off", oninput: () => draw() });
  const count = h("span", { class: "muted small nowrap", role: "status" });
  const list = h("ul", { class: "map-list" });
  const element = h("div", { class: "map-places" }, h("div", { class: "row map-filter" }, filter, count), list);
  let rows: readonly Row[] = [];
  const kept = new Map<string, Kept>();

  const make = (key: string): Kept => {
    const box = h("input", { type: "checkbox", onchange: () => heard.chosen(key, box.checked) });
    const [swatch, name, value, time] = [h("i", { class: "map-swatch" }), h("span", { class: "grow clip" }), h("span", { class: "num nowrap" }), h("span", { class: "muted small num nowrap map-when" })];
    const point = (): void => heard.pointed(key);
    const element = h("li", { onmouseenter: point, onmouseleave: () => heard.pointed(undefined), onfocusin: point, onfocusout: () => heard.pointed(undefined) });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      heard.sought(key);
    });
    put(element, h("label", {}, box, swatch, name, value, time));
    return { element, box, parts: [swatch, name, value, time] };
  };

  const draw = (): void => {
    const wanted = filter.value.trim().toLocaleLowerCase();
    const found = rows.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
    const shown = found.slice(0, MAX_ROWS);
    for (const key of kept.keys()) if (!shown.some((row) => row.key === key)) kept.delete(key);
    const elements = shown.map((row) => {
      let entry = kept.get(row.key);
      if (entry === undefined) {
        entry = make(row.key);
        kept.set(row.key, entry);
      }
      entry.box.checked = row.isChosen;
      entry.element.classList.toggle("chosen", row.isChosen);
      const [swatch, name, value, time] = entry.parts;
      if (swatch) swatch.style.background = row.colour ?? "transparent";
      if (name) name.textContent = row.name;
      if (value) value.textContent = row.value;
      if (time) time.textContent = row.time;
      return entry.element;
    });
    // Elements that stay are not moved, so that the focus stays, too.
    if (elements.length !== list.children.length || elements.some((element, i) => list.children[i] !== element)) put(list, ...elements);
    filter.placeholder = t("map_filter");
    filter.setAttribute("aria-label", t("map_filter"));
    list.setAttribute("aria-label", t("map_stations"));
    const n = found.length === rows.length ? formatCount(rows.length) : t("map_of", { n: formatCount(found.length), all: formatCount(rows.length) });
    put(count, shown.length < found.length ? t("map_more", { n, shown: MAX_ROWS }) : n);
  };

  return {
    element,
    show(given) {
      rows = given;
      draw();
    },
    mark(key) {
      for (const [at, { element }] of kept) element.classList.toggle("pointed", at === key);
    },
  };
}
