import { describe, expect, it } from "vitest";
import { colourOf, parseRange, rangeOf, widened } from "./scale";

describe("a scale", () => {
  it("spans the values that there are", () => {
    expect(rangeOf([3, NaN, -1])).toEqual([-1, 3]);
    expect(rangeOf([NaN])).toBeUndefined();
    expect(rangeOf([7])).toEqual([6.5, 7.5]);
  });
  it("has ends that read well", () => {
    expect(widened([4.932, 7.322])).toEqual([4.5, 7.5]);
    expect(widened([-0.13, 0.21])).toEqual([-0.15, 0.25]);
    expect(widened([1003.2, 1021.9])).toEqual([1000, 1025]);
  });
  it("is kept while values stay inside, and only widened else", () => {
    expect(widened([5, 7], [4.5, 7.5])).toEqual([4.5, 7.5]);
    expect(widened([5, 9.1], [4.5, 7.5])).toEqual([4.5, 10]);
  });
  it("gives the ends of the colours at its ends, and beyond", () => {
    expect([colourOf(0, [0, 1]), colourOf(-5, [0, 1])]).toEqual(["rgb(0,34,78)", "rgb(0,34,78)"]);
    expect(colourOf(9, [0, 1])).toBe("rgb(254,232,56)");
  });
  it("is read from a link if it is one", () => {
    expect(parseRange("-5,30")).toEqual([-5, 30]);
    for (const text of [undefined, "", "1", "2,1", "a,b", "1,2,3", ",5"]) expect(parseRange(text)).toBeUndefined();
  });
});
