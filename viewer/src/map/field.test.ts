import { describe, expect, it } from "vitest";
import { edges, fieldOf, imageOf, outline, valueAt } from "./field";

const field = fieldOf([10, 12, 10, 12], [50, 50, 60, 60], [1, 2, 3, NaN]);

describe("a field", () => {
  it("is put together from cells in any order", () => {
    expect(fieldOf([12, 10, 12, 10], [60, 60, 50, 50], [NaN, 3, 2, 1])).toEqual(field);
    expect([...field.values]).toEqual([1, 2, 3, NaN]);
  });
  it("reaches half a cell beyond its outermost centres", () => {
    expect(edges([10, 12])).toEqual([9, 11, 13]);
    expect(edges([5])).toEqual([4.5, 5.5]);
    expect(outline(field)).toEqual([[9, 65], [13, 65], [13, 45], [9, 45]]);
  });
  it("tells the value at a place, and none outside", () => {
    expect(valueAt(field, [9.5, 46])).toBe(1);
    expect(valueAt(field, [10.9, 64])).toBe(3);
    expect(valueAt(field, [12, 60])).toBeNaN();
    expect(valueAt(field, [14, 50])).toBeNaN();
  });
  it("is drawn with the north above, stretched as the map is, and transparent where nothing is", () => {
    const { width, height, data } = imageOf(field, (value) => [value, 0, 0]);
    const at = (x: number, y: number): number[] => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];
    expect([width, height]).toEqual([2, 8]);
    expect([at(0, 0), at(1, 0), at(0, 7), at(1, 7)]).toEqual([[3, 0, 0, 255], [0, 0, 0, 0], [1, 0, 0, 255], [2, 0, 0, 255]]);
    // The northern half takes more than half of the height.
    expect([at(0, 4)[0], at(0, 5)[0]]).toEqual([3, 1]);
  });
});
