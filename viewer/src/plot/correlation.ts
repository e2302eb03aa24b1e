/** Pearson's correlation and the line of least squares. */

export interface Regression {
  n: number;
  /** NaN with fewer than two pairs or a constant quantity. */
  r: number;
  slope: number;
  intercept: number;
}

/** Of the pairs of which both are numbers. */
export function regression(x: ArrayLike<number>, y: ArrayLike<number>): Regression {
  let [n, meanX, meanY, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [a, b] = [x[i] ?? NaN, y[i] ?? NaN];
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    // One pass with running means (Welford), which stays exact for large values that vary little.
    n++;
    const dx = a - meanX;
    const dy = b - meanY;
    meanX += dx / n;
    meanY += dy / n;
    xx += dx * (a - meanX);
    yy += dy * (b - meanY);
    xy += dx * (b - meanY);
  }
  const slope = xx > 0 ? xy / xx : NaN;
  const r = xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : NaN;
  return { n, r, slope, intercept: meanY - slope * meanX };
}
