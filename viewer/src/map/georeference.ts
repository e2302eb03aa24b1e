/**
 * Where an image lies on the map, from places that are known in both: ground control points.
 *
 * Three points give the affine mapping that meets them exactly; four or more the projective one (a plane seen in
 * perspective), which meets four exactly and more as well as it can. Both are found in the plane of the map, so that
 * what is straight in the image stays straight on it.
 */

import { type LonLat, type Point, fromMercator, toMercator } from "./mercator";

/** A place in the image, in pixels from its top left, and on Earth. */
export interface ControlPoint {
  pixel: Point;
  lonLat: LonLat;
}

/** A mapping of the plane: nine coefficients, row by row. */
export type Mapping = readonly number[];

/** From pixels to the map; `undefined` if the points do not tell, such as three on one line. */
export function georeference(points: readonly ControlPoint[]): Mapping | undefined {
  if (points.length < 3) return undefined;
  const from = normalization(points.map(({ pixel }) => pixel));
  const to = normalization(points.map(({ lonLat }) => toMercator(lonLat)));
  if (from === undefined || to === undefined) return undefined;
  const pairs = points.map(({ pixel, lonLat }): [Point, Point] => [apply(from, pixel), apply(to, toMercator(lonLat))]);
  const found = points.length > 3 ? (projective(pairs) ?? affine(pairs)) : affine(pairs);
  const back = inverse(to);
  if (found === undefined || back === undefined) return undefined;
  return product(back, product(found, from));
}

/** Corners of an image of so many pixels: top left, then clockwise. */
export function corners(mapping: Mapping, width: number, height: number): [LonLat, LonLat, LonLat, LonLat] {
  const at = (x: number, y: number): LonLat => fromMercator(apply(mapping, [x, y]));
  return [at(0, 0), at(width, 0), at(width, height), at(0, height)];
}

/** How far the farthest control point is from where the mapping puts it, in metres. */
export function residual(mapping: Mapping, points: readonly ControlPoint[]): number {
  const metres = points.map(({ pixel, lonLat }) => {
    const [x, y] = apply(mapping, pixel);
    const [u, v] = toMercator(lonLat);
    return Math.hypot(x - u, y - v) * 40_075_017 * Math.cos(lonLat[1] * (Math.PI / 180));
  });
  return Math.max(...metres);
}

export function apply(m: Mapping, [x, y]: Point): Point {
  const at = (row: number): number => (m[row] ?? 0) * x + (m[row + 1] ?? 0) * y + (m[row + 2] ?? 0);
  const w = at(6);
  return [at(0) / w, at(3) / w];
}

/** Moves the centre of points to 0 and their mean distance to 1, without which the equations lose their digits. */
function normalization(points: Point[]): Mapping | undefined {
  const n = points.length;
  const [cx, cy] = [0, 1].map((axis) => points.reduce((sum, point) => sum + (point[axis] ?? 0), 0) / n) as Point;
  const mean = points.reduce((sum, [x, y]) => sum + Math.hypot(x - cx, y - cy), 0) / n;
  if (!(mean > 0) || !Number.isFinite(mean)) return undefined;
  return [1 / mean, 0, -cx / mean, 0, 1 / mean, -cy / mean, 0, 0, 1];
}

function affine(pairs: [Point, Point][]): Mapping | undefined {
  const rows = pairs.map(([[x, y]]) => [x, y, 1]);
  const u = leastSquares(rows, pairs.map(([, [u]]) => u));
  const v = leastSquares(rows, pairs.map(([, [, v]]) => v));
  return u && v && [...u, ...v, 0, 0, 1];
}

function projective(pairs: [Point, Point][]): Mapping | undefined {
  const rows = pairs.flatMap(([[x, y], [u, v]]) => [
    [x, y, 1, 0, 0, 0, -u * x, -u * y],
    [0, 0, 0, x, y, 1, -v * x, -v * y],
  ]);
  const found = leastSquares(rows, pairs.flatMap(([, [u, v]]) => [u, v]));
  if (found === undefined) return undefined;
  const mapping = [...found, 1];
  // The image must lie in front of the one who looks: no point may be on or beyond the horizon.
  const [g = 0, h = 0] = [found[6], found[7]];
  return pairs.every(([[x, y]]) => g * x + h * y + 1 > 0.02) ? mapping : undefined;
}

/** The x that makes the sum of squares of `rows · x − values` least; `undefined` if there are several. */
export function leastSquares(rows: number[][], values: number[]): number[] | undefined {
  const n = rows[0]?.length ?? 0;
  const a = Array.from({ length: n }, (_, i) => [
    ...Array.from({ length: n }, (_, j) => rows.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0)),
    rows.reduce((sum, row, k) => sum + (row[i] ?? 0) * (values[k] ?? 0), 0),
  ]);
  for (let column = 0; column < n; column++) {
    let best = column;
    for (let row = column; row < n; row++) if (Math.abs(a[row]?.[column] ?? 0) > Math.abs(a[best]?.[column] ?? 0)) best = row;
    const pivot = a[best];
    const other = a[column];
    if (pivot === undefined || other === undefined || Math.abs(pivot[column] ?? 0) < 1e-9) return undefined;
    [a[column], a[best]] = [pivot, other];
    for (const row of a) {
      if (row === pivot) continue;
      const factor = (row[column] ?? 0) / (pivot[column] ?? 1);
      for (let j = column; j <= n; j++) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0);
    }
  }
  return a.map((row, i) => (row[n] ?? 0) / (row[i] ?? 1));
}

function product(a: Mapping, b: Mapping): Mapping {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [3 * Math.floor(at / 3), at % 3];
    return [0, 1, 2].reduce((sum, k) => sum + (a[row + k] ?? 0) * (b[3 * k + column] ?? 0), 0);
  });
}

/** Of a mapping that only moves and scales. */
function inverse(m: Mapping): Mapping | undefined {
  const [sx = 0, , tx = 0, , sy = 0, ty = 0] = m;
  if (sx === 0 || sy === 0) return undefined;
  return [1 / sx, 0, -tx / sx, 0, 1 / sy, -ty / sy, 0, 0, 1];
}
