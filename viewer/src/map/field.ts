/** A field on a grid as an image: cells of longitude and latitude, drawn in the projection of the map. */

import { type LonLat, fromMercator, toMercator } from "./mercator";

export interface Field {
  longitudes: number[];
  latitudes: number[];
  /** Row by row along the latitudes; NaN where there is no value. */
  values: Float64Array;
}

/** Longest side of an image, in pixels. */
const MAX_SIDE = 2048;

/** A field from its cells in any order. */
export function fieldOf(longitudes: ArrayLike<number>, latitudes: ArrayLike<number>, values: ArrayLike<number>): Field {
  const [x, y] = [distinct(longitudes), distinct(latitudes)];
  const [xs, ys] = [indices(x), indices(y)];
  const cells = new Float64Array(x.length * y.length).fill(NaN);
  for (let i = 0; i < values.length; i++) {
    const [column, row] = [xs.get(longitudes[i] ?? NaN), ys.get(latitudes[i] ?? NaN)];
    if (column !== undefined && row !== undefined) cells[row * x.length + column] = values[i] ?? NaN;
  }
  return { longitudes: x, latitudes: y, values: cells };
}

/** Where cells end: halfway to the next one, and as far beyond the first and the last. */
export function edges(centres: readonly number[]): number[] {
  const n = centres.length;
  if (n === 1) return [(centres[0] ?? 0) - 0.5, (centres[0] ?? 0) + 0.5];
  const between = centres.slice(1).map((centre, i) => (centre + (centres[i] ?? 0)) / 2);
  const [first = 0, second = 0] = centres;
  const [last = 0, former = 0] = [centres[n - 1], centres[n - 2]];
  return [first - (second - first) / 2, ...between, last + (last - former) / 2];
}

/** Corners of a field: top left, then clockwise. */
export function outline({ longitudes, latitudes }: Pick<Field, "longitudes" | "latitudes">): [LonLat, LonLat, LonLat, LonLat] {
  const [x, y] = [edges(longitudes), edges(latitudes).map((latitude) => Math.min(Math.max(latitude, -85), 85))];
  const [west = 0, east = 0, south = 0, north = 0] = [x[0], x.at(-1), y[0], y.at(-1)];
  return [[west, north], [east, north], [east, south], [west, south]];
}

/** The image between the corners of `outline`; where there is no value it is transparent. */
export function imageOf(field: Field, colour: (value: number) => readonly [number, number, number]): { width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> } {
  const [topLeft, , bottomRight] = outline(field);
  const [x, y] = [edges(field.longitudes), edges(field.latitudes)];
  const width = Math.min(isEven(field.longitudes) ? field.longitudes.length : 2 * field.longitudes.length, MAX_SIDE);
  const height = Math.min(4 * field.latitudes.length, MAX_SIDE);
  const [top, bottom] = [toMercator(topLeft)[1], toMercator(bottomRight)[1]];
  const columns = Array.from({ length: width }, (_, i) => cellAt(x, topLeft[0] + ((i + 0.5) / width) * (bottomRight[0] - topLeft[0])));
  const data = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row++) {
    const latitude = fromMercator([0, top + ((row + 0.5) / height) * (bottom - top)])[1];
    const line = cellAt(y, latitude) * field.longitudes.length;
    for (let i = 0; i < width; i++) {
      const value = field.values[line + (columns[i] ?? 0)] ?? NaN;
      if (Number.isFinite(value)) data.set([...colour(value), 255], 4 * (row * width + i));
    }
  }
  return { width, height, data };
}

/** The value of the cell at a place; NaN outside. */
export function valueAt(field: Field, [longitude, latitude]: LonLat): number {
  const [x, y] = [edges(field.longitudes), edges(field.latitudes)];
  const inside = (at: number, of: number[]): boolean => at >= (of[0] ?? 0) && at <= (of.at(-1) ?? 0);
  if (!inside(longitude, x) || !inside(latitude, y)) return NaN;
  return field.values[cellAt(y, latitude) * field.longitudes.length + cellAt(x, longitude)] ?? NaN;
}

/** Index of the cell that holds `at`, among ascending edges. */
function cellAt(of: readonly number[], at: number): number {
  let [low, high] = [0, of.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((of[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return low;
}

function distinct(values: ArrayLike<number>): number[] {
  return [...new Set(Array.from(values))].filter(Number.isFinite).sort((a, b) => a - b);
}

const indices = (values: number[]): Map<number, number> => new Map(values.map((value, i) => [value, i]));

function isEven(values: readonly number[]): boolean {
  const step = ((values.at(-1) ?? 0) - (values[0] ?? 0)) / Math.max(values.length - 1, 1);
  return values.every((value, i) => Math.abs(value - (values[0] ?? 0) - i * step) < Math.abs(step) * 0.05 + 1e-12);
}
