import { describe, expect, it } from "vitest";
import { type ControlPoint, apply, corners, georeference, leastSquares, residual } from "./georeference";
import { type LonLat, type Point, fromMercator, toMercator } from "./mercator";

const near = (a: readonly number[], b: readonly number[], digits: number): void => a.forEach((value, i) => expect(value).toBeCloseTo(b[i] ?? NaN, digits));
const points = (mapping: readonly number[], pixels: Point[]): ControlPoint[] => pixels.map((pixel) => ({ pixel, lonLat: fromMercator(apply(mapping, pixel)) }));
/** A plan of about 500 m in a mine, turned and seen at an angle. */
const TURNED = [1e-9, 2e-10, 0.55, -3e-10, 1.1e-9, 0.34, 0, 0, 1];
const TILTED = [1e-9, 2e-10, 0.55, -3e-10, 1.1e-9, 0.34, 2e-5, -1e-5, 1];

describe("the projection", () => {
  it("has the equator in the middle and goes there and back", () => {
    near(toMercator([0, 0]), [0.5, 0.5], 12);
    near(fromMercator(toMercator([14.89, 50.86])), [14.89, 50.86], 10);
  });
});

describe("an image placed by control points", () => {
  it("meets three points exactly", () => {
    const given: ControlPoint[] = [
      { pixel: [0, 0], lonLat: [14.0, 51.0] },
      { pixel: [100, 0], lonLat: [15.0, 51.0] },
      { pixel: [0, 100], lonLat: [14.0, 50.0] },
    ];
    const mapping = georeference(given) ?? [];
    expect(residual(mapping, given)).toBeLessThan(1e-3);
    const [a, b, c, d] = corners(mapping, 100, 100);
    near([...a, ...b, ...c, ...d], [14, 51, 15, 51, 15, 50, 14, 50], 8);
  });
  it("may be turned, and is so also between the points", () => {
    const mapping = georeference(points(TURNED, [[10, 20], [900, 40], [300, 700]])) ?? [];
    near(fromMercator(apply(mapping, [555, 333])), fromMercator(apply(TURNED, [555, 333])), 9);
  });
  it("may be seen in perspective, with four points or more", () => {
    for (const pixels of [[[0, 0], [900, 40], [300, 700], [950, 800]], [[0, 0], [900, 40], [300, 700], [950, 800], [500, 500], [20, 640]]] as Point[][]) {
      const given = points(TILTED, pixels);
      const mapping = georeference(given) ?? [];
      expect(residual(mapping, given)).toBeLessThan(0.01);
      near(fromMercator(apply(mapping, [555, 333])), fromMercator(apply(TILTED, [555, 333])), 7);
    }
  });
  it("lies between points that contradict each other, and tells how far off", () => {
    const given = points(TURNED, [[0, 0], [1000, 0], [1000, 1000], [0, 1000], [500, 500], [250, 750]]);
    const moved: LonLat = [(given[4]?.lonLat[0] ?? 0) + 1e-5, given[4]?.lonLat[1] ?? 0];
    given[4] = { pixel: [500, 500], lonLat: moved };
    const off = residual(georeference(given) ?? [], given);
    expect(off).toBeGreaterThan(0.05);
    expect(off).toBeLessThan(1.1);
  });
  it("is not placed where points do not tell", () => {
    expect(georeference(points(TURNED, [[0, 0], [1, 1]]))).toBeUndefined();
    expect(georeference(points(TURNED, [[0, 0], [1, 1], [2, 2]]))).toBeUndefined();
    expect(georeference(points(TURNED, [[5, 5], [5, 5], [5, 5], [5, 5]]))).toBeUndefined();
  });
  it("is placed by an affine mapping where four points lie on two lines only", () => {
    // Three of four on one line: no perspective is told by them, but a plain position is.
    const given = points(TURNED, [[0, 0], [100, 0], [200, 0], [0, 100]]);
    expect(residual(georeference(given) ?? [], given)).toBeLessThan(0.01);
  });
});

describe("least squares", () => {
  it("finds a line through points", () => near(leastSquares([[0, 1], [1, 1], [2, 1]], [1, 3, 5]) ?? [], [2, 1], 10));
  it("says when there are several answers", () => expect(leastSquares([[1, 1], [2, 2]], [1, 2])).toBeUndefined());
});
