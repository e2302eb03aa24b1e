import { describe, expect, it } from "vitest";
import { type Drafted, type DraftQuestion, draftPath, open, withAsked } from "./draft";
import { showDraft, showQuestions } from "./drafted";

const FIRST: DraftQuestion = {
  parameter: "first",
  column: "Date",
  cells: ["03.04.2021"],
  choices: [
    { value: "day", format: "%d.%m.%Y", cells: ["2021-04-03"] },
    { value: "month", format: "%m.%d.%Y", cells: ["2021-03-04"] },
  ],
};
const ZONE: DraftQuestion = { parameter: "tz", column: "Date", cells: ["03.04.2021"], choices: [], assumed: "UTC" };

describe("asking for a draft", () => {
  it("says the name of the file and the answers", () => {
    expect(draftPath("Soil 1.csv", {})).toBe("api/v1/draft?name=Soil+1.csv");
    expect(draftPath("a&b.csv", { first: "day", tz: "+01:00" })).toBe("api/v1/draft?name=a%26b.csv&first=day&tz=%2B01%3A00");
    expect(draftPath("a.csv", { tz: "" })).toBe("api/v1/draft?name=a.csv");
  });

  it("keeps what was asked before", () => {
    expect(withAsked([], [ZONE, FIRST])).toEqual([FIRST, ZONE]);
    expect(withAsked([FIRST, ZONE], [])).toEqual([FIRST, ZONE]);
    const again = { ...ZONE, cells: ["04.04.2021"] };
    expect(withAsked([FIRST, ZONE], [again])).toEqual([FIRST, again]);
  });

  it("tells what must be answered from what is assumed", () => {
    expect(open([FIRST, ZONE])).toEqual([FIRST]);
  });
});

describe("showing a draft", () => {
  it("offers the readings of a question, and says which was picked", () => {
    const answered: string[][] = [];
    const [first, zone] = showQuestions([FIRST, ZONE], { first: "day" }, (parameter, value) => answered.push([parameter, value]));
    const buttons = [...(first?.querySelectorAll("button") ?? [])];
    expect(buttons.map((button) => button.getAttribute("aria-pressed"))).toEqual(["true", "false"]);
    expect(buttons[1]?.textContent).toContain("03.04.2021 → 2021-03-04");
    buttons[1]?.click();
    const input = zone?.querySelector("input");
    if (input) input.value = " +01:00 ";
    zone?.dispatchEvent(new Event("submit", { cancelable: true }));
    expect(answered).toEqual([
      ["first", "month"],
      ["tz", "+01:00"],
    ]);
  });

  it("shows the schema, what belongs into the configuration, and warnings", () => {
    const draft: Drafted = { name: "soil", node: "soil", schema: "soil:\n  COORDS: {}\n", configuration: "datasets:\n  soil: {schema: soil.yaml}\n", questions: [FIRST], warnings: ["rows would be lost"] };
    const shown = document.createElement("div");
    shown.append(...showDraft(draft));
    expect([...shown.querySelectorAll("pre")].map((pre) => pre.textContent)).toEqual([draft.schema, draft.configuration]);
    expect(shown.textContent).toContain("rows would be lost");
    expect(shown.textContent).toContain("soil.yaml");
    expect(shown.querySelector('[role="status"]')).not.toBeNull();
  });
});
