/** Cells of a heat map or an image: values along two coordinates, and where their edges lie. */

import { gapsBefore } from "./gaps";

export interface Grid {
  /** Positions of the columns and the rows; ascending. */
  x: Float64Array;
  y: Float64Array;
  /** `values[j * x.length + i]`; NaN: none. */
  values: Float64Array;
  /** Edges of column `i`: `xEdges[2 i]` and `xEdges[2 i + 1]`. */
  xEdges: Float64Array;
  yEdges: Float64Array;
}

/**
 * Cells from rows in any order; a cell that comes twice has the later value.
 *
 * `of` names all positions where rows may lack some, and the `step` of columns that are buckets.
 */
export function gridOf(x: ArrayLike<number>, y: ArrayLike<number>, values: ArrayLike<number>, of: { step?: number; x?: ArrayLike<number>; y?: ArrayLike<number> }): Grid {
  const xs = distinct(of.x ?? x);
  const ys = distinct(of.y ?? y);
  const xAt = new Map(Array.from(xs, (value, i) => [value, i]));
  const yAt = new Map(Array.from(ys, (value, i) => [value, i]));
  const cells = new Float64Array(xs.length * ys.length).fill(NaN);
  for (let row = 0; row < values.length; row++) {
    const [i, j] = [xAt.get(x[row] ?? NaN), yAt.get(y[row] ?? NaN)];
    if (i !== undefined && j !== undefined) cells[j * xs.length + i] = values[row] ?? NaN;
  }
  return { x: xs, y: ys, values: cells, xEdges: of.step === undefined ? between(xs) : buckets(xs, of.step), yEdges: between(ys) };
}

const distinct = (values: ArrayLike<number>): Float64Array => Float64Array.from(new Set(Array.from(values).filter((v) => Number.isFinite(v)))).sort();

/** Edges halfway to the neighbours; the outer ones as far out as the inner ones are. */
export function between(positions: Float64Array): Float64Array {
  const n = positions.length;
  const at = (i: number): number => positions[i] ?? NaN;
  const edges = new Float64Array(2 * n);
  for (let i = 0; i < n; i++) {
    const down = i > 0 ? (at(i) - at(i - 1)) / 2 : n > 1 ? (at(1) - at(0)) / 2 : 0.5;
    const up = i < n - 1 ? (at(i + 1) - at(i)) / 2 : n > 1 ? (at(n - 1) - at(n - 2)) / 2 : 0.5;
    edges[2 * i] = at(i) - down;
    edges[2 * i + 1] = at(i) + up;
  }
  return edges;
}

/**
 * Edges of buckets of time that begin at `starts` and are `step` long, or longer where values come less often than that: up
 * to the next one, unless a gap lies between.
 */
export function buckets(starts: Float64Array, step: number): Float64Array {
  const gaps = gapsBefore(starts);
  const edges = new Float64Array(2 * starts.length);
  let last = step;
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] ?? NaN;
    const next = starts[i + 1];
    const isLast = next === undefined || gaps[i + 1] === 1;
    const length = isLast ? Math.max(step, Math.min(last, next === undefined ? Infinity : next - start)) : next - start;
    if (!isLast) last = length;
    edges[2 * i] = start;
    edges[2 * i + 1] = start + length;
  }
  return edges;
}

/** The column (or row) whose edges hold a position; -1: none. */
export function cellAt(edges: Float64Array, position: number): number {
  let [low, high] = [0, edges.length / 2 - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (position < (edges[2 * middle] ?? NaN)) high = middle - 1;
    else if (position >= (edges[2 * middle + 1] ?? NaN)) {
      // The outermost edge belongs to its cell.
      if (middle === edges.length / 2 - 1 && position === edges[2 * middle + 1]) return middle;
      low = middle + 1;
    } else return middle;
  }
  return -1;
}

/** Least and greatest value. */
export function extremes(values: ArrayLike<number>): [number, number] | undefined {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? [min, max] : undefined;
}

/** Steps that the service resamples to, with their seconds. */
const STEPS: [name: string, seconds: number][] = [
  ["1s", 1], ["5s", 5], ["10s", 10], ["30s", 30], ["1min", 60], ["5min", 300], ["10min", 600], ["15min", 900], ["30min", 1800],
  ["1h", 3600], ["3h", 10_800], ["6h", 21_600], ["12h", 43_200], ["1d", 86_400], ["2d", 172_800], ["1w", 604_800], ["1month", 2_629_800], ["3month", 7_889_400], ["1y", 31_557_600],
];

/** The shortest step that makes no more than `n` columns of so many seconds. */
export function resampleStep(seconds: number, n: number): { name: string; seconds: number } {
  const [name, length] = STEPS.find(([, length]) => seconds / length <= n) ?? ["1y", 31_557_600];
  return { name, seconds: length };
}
