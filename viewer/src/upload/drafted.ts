/** A draft as it is shown: what is open, the schema, what to do with it, and what the file gives with it. */

import { warningList } from "../contributions/problems";
import { h, put } from "../dom";
import { t, type TextName, tn } from "../i18n";
import { copyButton } from "../parts";
import { save } from "../save";
import { type Answers, type Drafted, draftFor, type DraftQuestion, open, withAsked } from "./draft";
import { showTrial } from "./preview";

type Answer = (parameter: DraftQuestion["parameter"], value: string) => void;

export interface Drafting {
  readonly element: HTMLElement;
  /** Drafts from a file, unless it is the one that was drafted from last. */
  begin(file: File): void;
  end(): void;
}

/** `refusal` shows why there is no draft, with a way to try again. */
export function makeDrafting(refusal: (error: unknown, again: () => void) => HTMLElement): Drafting {
  let file: File | undefined;
  let answers: Answers = {};
  let asked: DraftQuestion[] = [];
  let asking = new AbortController();
  const questions = h("div", { class: "stack" });
  const result = h("div", { class: "stack" });
  const element = h("div", { class: "stack drafted" }, questions, result);

  async function ask(): Promise<void> {
    if (file === undefined) return;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    element.setAttribute("aria-busy", "true");
    if (result.childElementCount === 0) put(result, h("p", { class: "callout", role: "status" }, t("draft_trying")));
    try {
      const draft = await draftFor(file, answers, signal);
      asked = withAsked(asked, draft.questions);
      put(result, ...showDraft(draft));
    } catch (error) {
      if (signal.aborted) return;
      put(result, refusal(error, () => void ask()));
    } finally {
      if (!signal.aborted) {
        element.removeAttribute("aria-busy");
        renewQuestions();
      }
    }
  }

  /** Whoever has just answered stays where the answer was given. */
  function renewQuestions(): void {
    const focused = questions.contains(document.activeElement) ? document.activeElement?.id : undefined;
    put(questions, ...showQuestions(asked, answers, answer));
    if (focused) document.getElementById(focused)?.focus();
  }

  const answer: Answer = (parameter, value) => {
    answers = { ...answers, [parameter]: value };
    void ask();
  };

  return {
    element,
    begin(one) {
      if (one === file) return;
      file = one;
      [answers, asked] = [{}, []];
      put(questions);
      put(result);
      void ask();
    },
    end() {
      // What was broken off is asked for again.
      if (element.hasAttribute("aria-busy")) file = undefined;
      asking.abort();
    },
  };
}

/** Questions with their answers; picking one asks again. */
export function showQuestions(questions: readonly DraftQuestion[], answers: Answers, answer: Answer): HTMLElement[] {
  return questions.map((question, at) => (question.parameter === "tz" ? zoneQuestion(question, at, answers.tz, answer) : choiceQuestion(question, at, answers[question.parameter], answer)));
}

function choiceQuestion({ parameter, column, cells, choices }: DraftQuestion, at: number, answered: string | undefined, answer: Answer): HTMLElement {
  return h(
    "fieldset",
    { class: "panel pad stack" },
    h("legend", {}, t("draft_question_first", { column })),
    h(
      "div",
      { class: "row" },
      ...choices.map(({ value, cells: read }) =>
        h(
          "button",
          { type: "button", class: "choice", id: `draft-${at}-${value}`, "aria-pressed": String(answered === value), onclick: () => answer(parameter, value) },
          h("strong", {}, t(`draft_first_${value}` as TextName)),
          ...cells.map((cell, i) => h("span", { class: "mono" }, `${cell} → ${read[i] ?? ""}`)),
        ),
      ),
    ),
  );
}

function zoneQuestion({ parameter, column, cells, assumed }: DraftQuestion, at: number, answered: string | undefined, answer: Answer): HTMLElement {
  const [hint, zones] = [`draft-${at}-hint`, `draft-${at}-zones`];
  const input = h("input", { type: "text", required: true, id: `draft-${at}-zone`, value: answered ?? assumed ?? "", "aria-describedby": hint });
  input.setAttribute("list", zones);
  const usual = new Set(["UTC", new Intl.DateTimeFormat().resolvedOptions().timeZone]);
  const submit = (event: Event): void => {
    event.preventDefault();
    answer(parameter, input.value.trim());
  };
  return h(
    "form",
    { class: "panel pad stack", onsubmit: submit },
    h("p", {}, t("draft_question_tz", { column, example: cells[0] ?? "", assumed: answered ?? assumed ?? "" })),
    h("div", { class: "row" }, h("label", { class: "field" }, t("draft_zone"), input), h("button", { type: "submit", id: `draft-${at}-take` }, t("draft_take_zone"))),
    h("datalist", { id: zones }, ...[...usual].map((zone) => h("option", { value: zone }))),
    h("p", { class: "muted small", id: hint }, t("draft_zone_hint")),
  );
}

export function showDraft(draft: Drafted): HTMLElement[] {
  const file = `${draft.name}.yaml`;
  const { trial } = draft;
  const n = open(draft.questions).length;
  const download = h("button", { type: "button", onclick: () => save(new Blob([draft.schema], { type: "application/yaml" }), file) }, t("draft_download", { file }));
  const parts: (HTMLElement | null)[] = [
    n > 0 ? h("p", { class: "callout warn", role: "status" }, tn("draft_open", n)) : null,
    warningList([...draft.warnings, ...(trial?.warnings ?? [])]),
    h(
      "section",
      { class: "stack" },
      h("div", { class: "row" }, h("h2", { class: "grow" }, t("draft_schema")), copyButton(draft.schema, file), download),
      h("p", { class: "muted small" }, t("draft_look")),
      text(draft.schema, t("draft_schema")),
    ),
    h(
      "section",
      { class: "stack" },
      h("div", { class: "row" }, h("h2", { class: "grow" }, t("draft_next")), copyButton(draft.configuration, t("draft_configuration"))),
      h("p", {}, t("draft_next_text", { file })),
      text(draft.configuration, t("draft_configuration")),
    ),
    ...(trial ? [h("h2", {}, t("draft_trial")), ...showTrial({ outcome: trial, preview: trial.preview })] : []),
  ];
  return parts.filter((part) => part !== null);
}

function text(content: string, label: string): HTMLElement {
  return h("pre", { class: "panel pad scroll text", tabIndex: 0, role: "region", "aria-label": label }, content);
}
