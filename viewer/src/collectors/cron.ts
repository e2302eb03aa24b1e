/** Schedules in words, as far as a person would say them; others stay cron expressions. */

import { locale } from "../format";
import { currentLanguage, t, tn } from "../i18n";

export interface Schedule {
  /** Absent where the words would be no easier than the expression. */
  words?: string;
  /** As configured. */
  expression: string;
}

/** A schedule as the list of collectors tells it: `0 6 * * * (Europe/Prague)`, or in other words for folders. */
export function schedule(text: string): Schedule {
  const match = /^(.*\S)\s+\(([^()]+)\)$/.exec(text);
  if (match === null) return { expression: text };
  const [, cron = "", zone = ""] = match;
  const words = inWords(cron);
  return words === undefined ? { expression: text } : { words: t("collectors_in_zone", { words, zone }), expression: cron };
}

/** What a cron expression of five or six fields means; nothing where that is no simple sentence. */
export function inWords(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  const second = fields.length === 6 ? (fields.shift() ?? "") : "0";
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  if (fields.length !== 5 || !/^\d+$/.test(second) || month !== "*") return undefined;
  const at = times(minute, hour, second);
  if (at === undefined) return undefined;
  if (["*", "?"].includes(day) && ["*", "?"].includes(weekday)) return at.isClock ? t("collectors_daily", { at: at.text }) : at.text;
  if (["*", "?"].includes(day)) {
    const days = listed(weekday, 7, DAYS);
    return days === undefined ? undefined : t("collectors_on_days", { at: at.text, days: list(days.map(dayName)) });
  }
  const days = listed(day, 31);
  if (days === undefined || !["*", "?"].includes(weekday)) return undefined;
  return t("collectors_on_dates", { at: at.text, days: list(days.map((n) => (currentLanguage() === "cs" ? `${n}.` : String(n)))) });
}

const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

function times(minute: string, hour: string, second: string): { text: string; isClock?: boolean } | undefined {
  const everyMinutes = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (minute === "*" && hour === "*") return { text: tn("collectors_every_minutes", 1) };
  if (everyMinutes !== undefined && hour === "*") return { text: tn("collectors_every_minutes", Number(everyMinutes)) };
  const minutes = listed(minute, 59);
  if (minutes === undefined) return undefined;
  const past = list(minutes.map((n) => `:${pad(n)}${second === "0" ? "" : `:${pad(Number(second))}`}`));
  if (hour === "*") return { text: t("collectors_hourly", { past }) };
  const everyHours = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (everyHours !== undefined) return { text: tn("collectors_every_hours", Number(everyHours), { past }) };
  const hours = listed(hour, 23);
  if (hours === undefined || hours.length * minutes.length > 8) return undefined;
  const clock = hours.flatMap((h) => minutes.map((m) => `${pad(h)}:${pad(m)}${second === "0" ? "" : `:${pad(Number(second))}`}`));
  return { text: t("collectors_at", { clock: list(clock) }), isClock: true };
}

/** The values of a field: a number, `a,b`, `a-b`, also by name. */
function listed(field: string, max: number, names: readonly string[] = []): number[] | undefined {
  const values: number[] = [];
  for (const part of field.split(",")) {
    const ends = part.split("-").map((text) => (names.includes(text.toUpperCase()) ? names.indexOf(text.toUpperCase()) : /^\d+$/.test(text) ? Number(text) : NaN));
    const [from = NaN, to = from] = ends;
    if (!(from <= to && to <= max) || ends.length > 2) return undefined;
    for (let n = from; n <= to; n++) values.push(n);
  }
  return values;
}

const pad = (n: number): string => String(n).padStart(2, "0");

const list = (texts: string[]): string => new Intl.ListFormat(locale(), { type: "conjunction" }).format(texts);

/** 0 and 7 are Sundays. */
function dayName(day: number): string {
  return new Intl.DateTimeFormat(locale(), { weekday: "long", timeZone: "UTC" }).format(Date.UTC(2023, 0, 1 + day));
}
