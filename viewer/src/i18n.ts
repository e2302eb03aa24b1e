/** Texts in the language of the person: English and Czech. */

import { cs } from "./i18n/cs";
import { en } from "./i18n/en";

export type Language = "en" | "cs";
export type TextName = keyof typeof en;
export type Texts = Record<TextName, string>;

const TEXTS: Record<Language, Texts> = { en, cs };
const KEY = "zf.language";

let language: Language = initial();
document.documentElement.lang = language;

function initial(): Language {
  const kept = localStorage.getItem(KEY) ?? navigator.language;
  return kept.startsWith("cs") ? "cs" : "en";
}

export const currentLanguage = (): Language => language;

export function setLanguage(chosen: Language): void {
  language = chosen;
  localStorage.setItem(KEY, chosen);
  document.documentElement.lang = chosen;
}

/** The text of a name, with `{placeholders}` filled in. */
export function t(name: TextName, values: Record<string, string | number> = {}): string {
  return filled(TEXTS[language][name], values);
}

/** The text for `n` things: its forms stand between `|`, one and other in English; one, few and other in Czech. */
export function tn(name: TextName, n: number, values: Record<string, string | number> = {}): string {
  const forms = TEXTS[language][name].split("|");
  const at = { one: 0, few: 1 }[new Intl.PluralRules(language).select(n) as string] ?? forms.length - 1;
  const number = new Intl.NumberFormat(language === "cs" ? "cs-CZ" : "en-GB").format(n);
  return filled(forms[at] ?? forms.at(-1) ?? "", { n: number, ...values });
}

function filled(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));
}
