import { describe, expect, it } from "vitest";
import { START, type State, fromQuery, joined, split, toQuery } from "./state";

describe("the address of a view", () => {
  const state: State = {
    view: "series",
    dataset: "boreholes",
    node: "deep/temperature",
    variables: ["rock_temp", "air_temp"],
    selected: { borehole: ["B1", "a,b\\c"], depth: ["0.5"] },
    from: "2025-01-01T00:00:00Z",
    to: "2025-02-01T00:00:00Z",
    units: { rock_temp: "K" },
    more: { tab: "all" },
  };

  it("restores the view", () => expect(fromQuery(toQuery(state))).toEqual(state));
  it("is empty at the start", () => expect(toQuery(START)).toBe(""));
  it("leaves out what cannot be read", () => expect(fromQuery("view=nonsense&from=yesterday")).toEqual(START));
  it("keeps any text in lists", () => {
    for (const values of [["a"], ["", "x"], ["a,b", "\\"], ["\\,", "ž"]]) expect(split(joined(values))).toEqual(values);
  });
});
