import { describe, expect, it } from "vitest";
import { degrees, lines, multiples, stepAt } from "./graticule";

describe("the graticule", () => {
  it("is finer the nearer one looks", () => expect([0, 4, 7, 16].map(stepAt)).toEqual([45, 5, 1, 0.002]));
  it("has its lines at multiples", () => {
    expect(multiples(-11, 11, 10)).toEqual([-10, 0, 10]);
    expect(multiples(14.05, 14.31, 0.1)).toEqual([14.1, 14.2, 14.3]);
  });
  it("is labelled as people write it", () => {
    expect([degrees(14.5, "longitude", 0.1), degrees(-30, "latitude", 10), degrees(0, "latitude", 1)]).toEqual(["14.5° E", "30° S", "0°"]);
    expect([degrees(190, "longitude", 10), degrees(-180, "longitude", 30), degrees(0.05, "latitude", 0.05)]).toEqual(["170° W", "180°", "0.05° N"]);
  });
  it("reaches beyond the window, but not to the poles", () => {
    const { features } = lines({ west: 0, south: 70, east: 20, north: 84 }, 10);
    const ends = features.flatMap(({ geometry }) => geometry.coordinates.map(([, y]) => y ?? 0));
    expect(Math.max(...ends)).toBeLessThanOrEqual(85);
    expect(features.length).toBe(7 + 3);
  });
});
