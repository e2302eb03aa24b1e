/** What a person prefers in this browser: time zone, theme, units. A link does not carry it. */

export type Theme = "system" | "light" | "dark";

/** The zone of this browser, found when it is asked for. */
export const BROWSER_ZONE = "browser";

const KEYS = { zone: "zf.zone", theme: "zf.theme", units: "zf.units" };

/** The zone chosen: `UTC`, `browser`, or a name of the IANA data base. */
export const chosenZone = (): string => localStorage.getItem(KEYS.zone) ?? "UTC";

/** The zone in which times are shown. */
export function zone(): string {
  const chosen = chosenZone();
  return chosen === BROWSER_ZONE ? browserZone() : isZone(chosen) ? chosen : "UTC";
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name !== "";
  } catch {
    return false;
  }
}

export function setZone(name: string): void {
  localStorage.setItem(KEYS.zone, name);
}

export function theme(): Theme {
  const kept = localStorage.getItem(KEYS.theme);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function setTheme(chosen: Theme): void {
  localStorage.setItem(KEYS.theme, chosen);
  applyTheme();
}

/** Tells the style sheet which colours to take. */
export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = chosen;
}

/** Units in which others are shown: by the unit stored. */
export function preferredUnits(): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEYS.units) ?? "{}");
    if (typeof kept !== "object" || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
  } catch {
    return {};
  }
}

export function preferUnit(stored: string, shown: string): void {
  const units = Object.fromEntries(Object.entries(preferredUnits()).filter(([unit]) => unit !== stored));
  if (shown !== stored) units[stored] = shown;
  localStorage.setItem(KEYS.units, JSON.stringify(units));
}

/** Units of one quantity, each by the name that the service knows. */
const QUANTITIES = [
  ["degC", "K", "degF"],
  ["m/s", "km/h", "knot", "mile/hour"],
  ["Pa", "hPa", "kPa", "bar", "mmHg"],
  ["mm", "cm", "m", "km", "ft"],
  ["mg/l", "g/l", "ug/l"],
  ["W", "kW", "MW"],
  ["mV", "V"],
  ["s", "min", "h", "day"],
];
const NAMES: Record<string, string> = { degree_Celsius: "degC", celsius: "degC", degK: "K", kelvin: "K", "m s-1": "m/s", kn: "knot", kt: "knot", mbar: "hPa", deg_C: "degC", "°C": "degC" };

/** Units in which values stored in `unit` can be shown, itself first; none where there is no choice. */
export function alternatives(unit: string): string[] {
  const name = NAMES[unit] ?? unit;
  const quantity = QUANTITIES.find((units) => units.includes(name));
  return quantity === undefined ? [] : [unit, ...quantity.filter((other) => other !== name)];
}
