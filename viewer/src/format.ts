/** How numbers, units, times and sizes are written, in the language chosen. */

import { currentLanguage } from "./i18n";

export type Range = readonly [number, number];

export const locale = (): string => (currentLanguage() === "cs" ? "cs-CZ" : "en-GB");

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale() + JSON.stringify(options);
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale(), options);
    formats.set(key, format);
  }
  return format;
}

/** Decimals with which a thousandth of the range can be told: 2 for 0…30, 0 for 0…5000. */
export function decimals([from, to]: Range): number {
  const span = Math.abs(to - from) || Math.abs(to) || 1;
  return Math.min(Math.max(Math.ceil(-Math.log10(span / 999)), 0), 12);
}

/** A number: as fine as the range it belongs to needs, else with up to `digits` significant digits. */
export function formatNumber(value: number, range?: Range, digits = 5): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4) && (range === undefined || decimals(range) > 6 || size >= 1e9)) {
    const [mantissa = "", exponent = ""] = value.toExponential(Math.min(digits - 1, 3)).split("e");
    return `${numberFormat({ maximumFractionDigits: 3 }).format(Number(mantissa))}×10${superscript(String(Number(exponent)))}`.replace("-", "−");
  }
  const options: Intl.NumberFormatOptions =
    range === undefined
      ? { maximumSignificantDigits: Math.max(digits, Math.floor(Math.log10(size || 1)) + 1) }
      : { minimumFractionDigits: decimals(range), maximumFractionDigits: decimals(range) };
  return numberFormat(options).format(value).replace("-", "−");
}

/** A count, in groups of three. */
export const formatCount = (n: number): string => numberFormat({ maximumFractionDigits: 0 }).format(n);

/** A size in bytes, by powers of 1024. */
export function formatBytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let size = n;
  while (size >= 1023.95 && at < units.length - 1) {
    size /= 1024;
    at++;
  }
  return `${numberFormat({ maximumFractionDigits: at === 0 || size >= 100 ? 0 : 1 }).format(size)} ${units[at] ?? ""}`;
}

const SYMBOLS: Record<string, string> = {
  "": "",
  "1": "",
  dimensionless: "",
  degC: "°C",
  deg_C: "°C",
  celsius: "°C",
  degree_Celsius: "°C",
  degrees_Celsius: "°C",
  degF: "°F",
  degree_Fahrenheit: "°F",
  delta_degC: "Δ°C",
  kelvin: "K",
  degK: "K",
  degrees_north: "°N",
  degree_north: "°N",
  degrees_east: "°E",
  degree_east: "°E",
  degrees: "°",
  degree: "°",
  deg: "°",
  percent: "%",
  permille: "‰",
  knot: "kn",
  kt: "kn",
  ohm: "Ω",
  day: "d",
  hour: "h",
  minute: "min",
  second: "s",
  micrometer: "µm",
};

/** A unit as people write it: `degC` is °C, `kg m-3` is kg/m³. */
export function formatUnit(unit: string | null | undefined): string {
  if (unit === null || unit === undefined) return "";
  const known = SYMBOLS[unit];
  if (known !== undefined) return known;
  const parts: { above: string[]; below: string[] } = { above: [], below: [] };
  let isBelow = false;
  for (const token of unit.replaceAll("**", "^").split(/([\s*/·]+)/)) {
    if (/^[\s*/·]+$/.test(token)) {
      isBelow = token.includes("/");
      continue;
    }
    if (token === "" || token === "1") continue;
    const match = /^(.*?[^\d^+-])\^?([+-]?\d+)?$/.exec(token);
    const [name, power] = match === null ? [token, 1] : [match[1] ?? token, Number(match[2] ?? 1)];
    const symbol = (SYMBOLS[name] ?? name).replace(/^u(?=[a-zA-Z])/, (u) => (/^u(m|g|l|L|s|S|V|A|W|mol|Pa|bar)$/.test(name) ? "µ" : u));
    const exponent = Math.abs(power);
    (isBelow !== power < 0 ? parts.below : parts.above).push(symbol + (exponent === 1 ? "" : superscript(String(exponent))));
  }
  const above = parts.above.join("·") || "1";
  if (parts.below.length === 0) return above === "1" ? unit : above;
  return `${above}/${parts.below.length > 1 ? `(${parts.below.join("·")})` : parts.below.join("")}`;
}

function superscript(digits: string): string {
  return digits.replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)] ?? c)));
}

/** A number with its unit: `12.3 °C`, `85 %`, `49.2°N`. */
export function formatValue(value: number, unit?: string | null, range?: Range): string {
  const symbol = formatUnit(unit);
  if (symbol === "") return formatNumber(value, range);
  return formatNumber(value, range) + (/^°(N|E|)$/.test(symbol) ? symbol : ` ${symbol}`);
}

export type Precision = "day" | "minute" | "second" | "millisecond";

const timeFormats = new Map<string, Intl.DateTimeFormat>();

/** A moment in a zone: `20 Nov 2026, 19:06:57`. */
export function formatTime(at: string | number | Date, zone: string, precision: Precision = "second"): string {
  const date = at instanceof Date ? at : new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const key = `${locale()} ${zone} ${precision}`;
  let format = timeFormats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale(), {
      timeZone: zone,
      year: "numeric",
      month: currentLanguage() === "cs" ? "numeric" : "short",
      day: "numeric",
      ...(precision === "day" ? {} : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
      ...(precision === "second" || precision === "millisecond" ? { second: "2-digit" } : {}),
      ...(precision === "millisecond" ? { fractionalSecondDigits: 3 } : {}),
    });
    timeFormats.set(key, format);
  }
  return format.format(date);
}

/** A zone in short, at a moment: `UTC`, `CET`, `GMT+2`. */
export function zoneLabel(zone: string, at: number = Date.now()): string {
  const parts = new Intl.DateTimeFormat(locale(), { timeZone: zone, timeZoneName: "short" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** How long before or after `now` something is: `3 min ago`, `in 2 days`. */
export function formatAgo(at: string | number, now: number = Date.now()): string {
  const seconds = ((typeof at === "string" ? Date.parse(at) : at) - now) / 1000;
  if (Number.isNaN(seconds)) return "–";
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  const format = new Intl.RelativeTimeFormat(locale(), { style: "short", numeric: Math.abs(seconds) < 1 ? "auto" : "always" });
  return format.format(Math.trunc(seconds / size), unit);
}

/** How long something took: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${numberFormat({ maximumFractionDigits: ms < 10_000 ? 1 : 0 }).format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string): string => {
    const rest = Math.floor((seconds % big) / small);
    return `${formatCount(Math.floor(seconds / big))} ${bigUnit}${rest === 0 ? "" : ` ${rest} ${smallUnit}`}`;
  };
  if (seconds < 3600) return parts(60, "min", 1, "s");
  if (seconds < 86_400) return parts(3600, "h", 60, "min");
  return parts(86_400, "d", 3600, "h");
}
