/** Texts in the language of the person: English and Czech. */

import { cs } from "./i18n/cs";
import { en } from "./i18n/en";

export type Language = "en" | "cs";
export type Texts = Record<keyof typeof en, string>;

const TEXTS: Record<Language, Texts> = { en, cs };
const KEY = "zf.language";

let language: Language = initial();

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
export function t(name: keyof Texts, values: Record<string, string | number> = {}): string {
  return TEXTS[language][name].replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));
}
