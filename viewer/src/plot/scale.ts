/** Ticks and texts of axes: nice numbers, and calendar steps in a time zone. Times are seconds since 1970 UTC. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Steps within a day, which divide it. */
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].concat(
  [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  [1, 2, 3, 6, 12].map((n) => n * HOUR),
);
/** Steps in days, within a month. */
const DAYS = [1, 2, 5, 10];
/** Steps in months. */
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

/** The least of 1, 2, 2.5, 5 times a power of ten that is no less than `rough`. */
export function niceStep(rough: number): number {
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const n of [1, 2, 2.5, 5, 10]) if (n * power >= rough * (1 - 1e-9)) return n * power;
  return 10 * power;
}

/** About `n` round numbers from `min` to `max`. */
export function niceTicks(min: number, max: number, n: number): number[] {
  if (!(max > min)) return Number.isFinite(min) ? [min] : [];
  const step = niceStep((max - min) / Math.max(n, 1));
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** A number with as many digits as neighbours at a distance of `step` need. */
export function formatNumber(value: number, step: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, "e").replace("-", "−").replace("e+", "e");
  let digits = 0;
  while (digits < 10 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 * step * 10 ** digits) digits++;
  return value.toFixed(digits).replace("-", "−");
}

interface Local {
  year: number;
  /** From 0. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock and calendar in `zone` show. */
export function local(time: number, zone: string): Local {
  if (zone === "UTC") {
    const date = new Date(time * 1000);
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth(),
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
  }
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    });
    formats.set(zone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time * 1000)) parts[type] = Number(value);
  const part = (name: string): number => parts[name] ?? 0;
  return { year: part("year"), month: part("month") - 1, day: part("day"), hour: part("hour"), minute: part("minute"), second: part("second") };
}

/** Seconds by which the clocks of `zone` are ahead of UTC at a time. */
export function offset(time: number, zone: string): number {
  if (zone === "UTC") return 0;
  const at = local(time, zone);
  return Date.UTC(at.year, at.month, at.day, at.hour, at.minute, at.second) / 1000 - Math.floor(time);
}

/** The time at which the clocks of `zone` show so much; the first one if they show it twice. */
export function fromLocal(shown: number, zone: string): number {
  const before = shown - offset(shown - DAY, zone);
  const after = shown - offset(shown + DAY, zone);
  return offset(before, zone) === shown - before ? before : after;
}

export interface TimeTicks {
  ticks: number[];
  /** Seconds between them, about. */
  step: number;
  kind: "time" | "day" | "month" | "year";
}

/** At most `n` ticks (and as near to it as steps allow) that begin hours, days, months or years in `zone`. */
export function timeTicks(from: number, to: number, n: number, zone: string): TimeTicks {
  const rough = (to - from) / Math.max(n, 1);
  const ticks: number[] = [];
  if (!(rough > 0)) return { ticks, step: 1, kind: "time" };
  const step = STEPS.find((s) => s >= rough);
  if (step !== undefined) {
    const ahead = offset(from, zone);
    for (let shown = Math.ceil((from + ahead) / step) * step; ticks.length <= 4 * n; shown += step) {
      const tick = step > 1 ? fromLocal(shown, zone) : shown - ahead;
      if (tick > to) break;
      if (tick >= from && tick !== ticks.at(-1)) ticks.push(tick);
    }
    return { ticks, step, kind: "time" };
  }
  const start = local(from, zone);
  const days = DAYS.find((d) => d * DAY >= rough);
  const push = (year: number, month: number, day: number): boolean => {
    const tick = fromLocal(Date.UTC(year, month, day) / 1000, zone);
    if (tick >= from && tick <= to) ticks.push(tick);
    return tick <= to;
  };
  if (days !== undefined) {
    for (let month = start.month; ; month++) {
      const length = new Date(Date.UTC(start.year, month + 1, 0)).getUTCDate();
      // The last step of a month is left out where the first of the next would follow too soon.
      for (let day = 1; day <= length - (days > 1 ? days / 2 : 0); day += days) {
        if (!push(start.year, month, day)) return { ticks, step: days * DAY, kind: "day" };
      }
    }
  }
  const months = MONTHS.find((m) => m * 30.4 * DAY >= rough) ?? 1200;
  const first = Math.floor((start.year * 12 + start.month) / months) * months;
  for (let month = first; push(Math.floor(month / 12), month % 12, 1); month += months);
  return { ticks, step: months * 30.4 * DAY, kind: months >= 12 ? "year" : "month" };
}

const two = (n: number): string => String(n).padStart(2, "0");

function dayText(at: Local, language: string): string {
  return new Intl.DateTimeFormat(language, { timeZone: "UTC", day: "numeric", month: "short" }).format(Date.UTC(at.year, at.month, at.day));
}

/** Texts of ticks; a second line tells the day or year where it is new. */
export function timeTexts({ ticks, step, kind }: TimeTicks, zone: string, language: string): string[] {
  let former: Local | undefined;
  return ticks.map((tick) => {
    const at = local(tick, zone);
    const last = former;
    former = at;
    if (kind === "year") return String(at.year);
    const isNewYear = last?.year !== at.year;
    if (kind === "month") {
      const month = new Intl.DateTimeFormat(language, { timeZone: "UTC", month: "short" }).format(Date.UTC(at.year, at.month, 1));
      return isNewYear ? `${month}\n${at.year}` : month;
    }
    if (kind === "day") return isNewYear ? `${dayText(at, language)}\n${at.year}` : dayText(at, language);
    let text = `${two(at.hour)}:${two(at.minute)}`;
    if (step < MINUTE) text += `:${two(at.second)}`;
    if (step < 1) text += (tick - Math.floor(tick)).toFixed(3).slice(1);
    if (last?.day === at.day && last.month === at.month) return text;
    return `${text}\n${dayText(at, language)}${isNewYear ? ` ${at.year}` : ""}`;
  });
}

/** ISO 8601 in UTC, to the millisecond where there is a part of a second. */
export function iso(time: number): string {
  return new Date(Math.round(time * 1000)).toISOString().replace(".000Z", "Z");
}
