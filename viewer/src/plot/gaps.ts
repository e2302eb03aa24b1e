/**
 * Where a line is interrupted.
 *
 * Times of a series that are not in its answer need not be gaps: the rows of a node are shared by all its series, so that a
 * logger that measures hourly has no value at the seconds of another one, and `max_points` keeps two values of each bucket
 * and leaves out the rest. So neither an absent row nor an empty cell says that something is missing. What does is the
 * series' own rhythm: a step is a gap if it is much longer than the steps around it.
 *
 * How much longer depends on how alike those are:
 * - Alike (their upper quartile is that of the lower one): the series is regular. A gap is longer than 1.5 steps, so that a
 *   single reading that failed (NA) interrupts the line. Where the answer may be thinned, all of them must be alike, since
 *   among many buckets some look regular by chance.
 * - Not alike: the series is irregular, or is thinned. Of each bucket of B positions the least and the greatest value are
 *   kept, wherever they lie, so that neighbours are B/2 apart on average and nearly 2 B at most; the mean over nine steps
 *   is 0.4 B at least. A gap is longer than 5.5 times the mean, which thinning alone never makes; it is about three buckets,
 *   which are three pixels where two points per pixel were asked for.
 *
 * Steps before and after are looked at apart and the longer of both limits counts, so that the change from one rhythm to
 * another is no gap.
 */

/** Steps that are looked at on each side. */
const N_AROUND = 9;
/** Steps count as alike if the upper quartile is at most so many times the lower one. */
const ALIKE = 1.1;
const OF_REGULAR = 1.5;
const OF_IRREGULAR = 5.5;

/** Whether a gap lies before each point; `times` ascend. `isThinned`: values may have been left out by `max_points`. */
export function gapsBefore(times: ArrayLike<number>, isThinned = false): Uint8Array {
  const n = times.length;
  const gaps = new Uint8Array(n);
  const at = (i: number): number => times[i] ?? NaN;
  const limits = new Float64Array(n);
  // `limits[i]`: the limit that the steps which end at points i-8 … i set for the step after point i.
  const around = new Float64Array(N_AROUND);
  const limitOf = (first: number, last: number): number => {
    const count = last - first + 1;
    if (count < 2) return 0;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const step = at(first + i) - at(first + i - 1);
      sum += step;
      // Sorted as they come: there are few.
      let place = i;
      while (place > 0 && (around[place - 1] ?? 0) > step) {
        around[place] = around[place - 1] ?? 0;
        place--;
      }
      around[place] = step;
    }
    const low = around[isThinned ? 0 : Math.floor((count - 1) / 4)] ?? 0;
    const high = around[isThinned ? count - 1 : Math.ceil(((count - 1) * 3) / 4)] ?? 0;
    return high <= low * ALIKE && !(isThinned && count < N_AROUND) ? OF_REGULAR * high : (OF_IRREGULAR * sum) / count;
  };
  for (let i = 1; i < n; i++) limits[i] = limitOf(Math.max(1, i - N_AROUND + 1), i);
  for (let i = 1; i < n; i++) {
    const before = limits[i - 1] ?? 0;
    const last = Math.min(n - 1, i + N_AROUND);
    const after = limitOf(i + 1, last);
    const limit = Math.max(before, after);
    if (limit > 0 && at(i) - at(i - 1) > limit) gaps[i] = 1;
  }
  return gaps;
}

/** The typical step of a series: the median; NaN with fewer than two points. */
export function typicalStep(times: ArrayLike<number>): number {
  const steps = Float64Array.from({ length: Math.max(times.length - 1, 0) }, (_, i) => (times[i + 1] ?? 0) - (times[i] ?? 0)).sort();
  return steps[Math.floor(steps.length / 2)] ?? NaN;
}
