/** A schema drafted from a file: asking for it, with answers to what the file does not tell. */

import { request } from "../api/client";
import type { components } from "../api/schema";
import { headersOf } from "./kind";

export type Drafted = components["schemas"]["Drafted"];
export type DraftQuestion = components["schemas"]["DraftQuestion"];

/** What the person has said, by the query parameter that says it. */
export type Answers = Partial<Record<DraftQuestion["parameter"], string>>;

/** The question for a file of this name. */
export function draftPath(name: string, answers: Answers): string {
  const query = new URLSearchParams({ name });
  for (const [parameter, value] of Object.entries(answers)) if (value !== "") query.set(parameter, value);
  return `api/v1/draft?${query.toString()}`;
}

/** The draft; nothing is stored. */
export async function draftFor(file: File, answers: Answers, signal: AbortSignal): Promise<Drafted> {
  const response = await request(draftPath(file.name, answers), { method: "POST", headers: headersOf(file.name), body: file, signal });
  return (await response.json()) as Drafted;
}

/** All that was asked so far: what was answered is asked no more, but may be answered otherwise. */
export function withAsked(known: readonly DraftQuestion[], asked: readonly DraftQuestion[]): DraftQuestion[] {
  const kept = known.filter(({ parameter, column }) => !asked.some((other) => other.parameter === parameter && other.column === column));
  return [...kept, ...asked].sort((a, b) => a.parameter.localeCompare(b.parameter) || a.column.localeCompare(b.column));
}

/** Questions without which the file cannot be tried. */
export const open = (questions: readonly DraftQuestion[]): DraftQuestion[] => questions.filter(({ assumed }) => !assumed);
