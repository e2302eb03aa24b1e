/** The dialog for what a person prefers: language, theme, time zone, units. */

import type { Tree } from "../api/client";
import { h } from "../dom";
import { formatTime, formatUnit } from "../format";
import { currentLanguage, type Language, setLanguage, t } from "../i18n";
import { alternatives, BROWSER_ZONE, browserZone, chosenZone, preferredUnits, preferUnit, setTheme, setZone, type Theme, theme, zone } from "../settings";
import { type Dialog, openDialog } from "./dialog";

export interface Changes {
  language(): void;
  /** Theme, zone or units. */
  display(): void;
}

/** Opens the dialog; `trees` are those known, for the zones and units that occur in them. */
export function openPreferences(trees: Tree[], changes: Changes): Dialog {
  const time = h("p", { class: "muted small num" });
  const showTime = (): void => {
    time.textContent = `${formatTime(Date.now(), zone())} ${zone()}`;
  };
  const choice = (label: string, options: [string, string][], now: string, chosen: (value: string) => void): HTMLElement => {
    const list = h("select", { onchange: () => chosen(list.value) }, ...options.map(([value, text]) => h("option", { value, selected: value === now }, text)));
    return h("label", { class: "field" }, label, list);
  };
  const units = storedUnits(trees).map((unit) => {
    const options = alternatives(unit).map((other): [string, string] => [other, formatUnit(other)]);
    return choice(formatUnit(unit), options, preferredUnits()[unit] ?? unit, (shown) => {
      preferUnit(unit, shown);
      changes.display();
    });
  });
  const zoneChanged = (): void => {
    showTime();
    changes.display();
  };
  showTime();
  const dialog = openDialog(t("shell_preferences"), [
    h(
      "div",
      { class: "preferences" },
      choice(t("shell_language"), [["en", "English"], ["cs", "Čeština"]], currentLanguage(), (value) => {
        setLanguage(value as Language);
        changes.language();
      }),
      choice(t("shell_theme"), [["system", t("shell_theme_system")], ["light", t("shell_theme_light")], ["dark", t("shell_theme_dark")]], theme(), (value) => {
        setTheme(value as Theme);
        changes.display();
      }),
      h("div", {}, zoneChoice(trees, zoneChanged), time),
      units.length === 0 ? null : h("fieldset", {}, h("legend", {}, t("shell_units")), h("div", { class: "units" }, ...units)),
    ),
  ]);
  dialog.element.classList.add("narrow");
  return dialog;
}

function zoneChoice(trees: Tree[], changed: () => void): HTMLElement {
  const option = (value: string, text: string): HTMLElement => h("option", { value, selected: value === chosenZone() }, text);
  const near = ["UTC", ...storedZones(trees)].filter((name, at, all) => all.indexOf(name) === at);
  const others = Intl.supportedValuesOf("timeZone").filter((name) => !near.includes(name));
  const list = h(
    "select",
    {
      onchange: () => {
        setZone(list.value);
        changed();
      },
    },
    ...near.map((name) => option(name, name)),
    option(BROWSER_ZONE, t("shell_zone_browser", { zone: browserZone() })),
    h("optgroup", { label: t("shell_zone_all") }, ...others.map((name) => option(name, name))),
  );
  return h("label", { class: "field" }, t("shell_zone"), list);
}

/** Units that occur and can be shown otherwise. */
export function storedUnits(trees: Tree[]): string[] {
  const units = trees.flatMap(({ nodes }) => nodes.flatMap((node) => [...node.variables, ...node.coordinates].map(({ unit }) => unit ?? "")));
  return [...new Set(units)].filter((unit) => alternatives(unit).length > 1).sort();
}

/** Time zones that schemas name. */
export function storedZones(trees: Tree[]): string[] {
  return [...new Set(trees.flatMap(({ nodes }) => nodes.flatMap(({ coordinates }) => coordinates.map(({ tz }) => tz ?? ""))))].filter((name) => name !== "");
}
