/**
 * How quickly a view is there and whether everybody can use it: the measures of Lighthouse (first and largest contentful
 * paint, blocking time, layout shift), scored by its curves and weights for desktops without the speed index, and axe.
 */

import type { Page } from "playwright-core";
import { violations } from "./site";

export interface Measures {
  /** First contentful paint, largest contentful paint, total blocking time, in milliseconds. */
  fcpMs: number;
  lcpMs: number;
  tbtMs: number;
  /** Cumulative layout shift. */
  cls: number;
}

export interface Score extends Measures {
  /** From 0 to 100. */
  performance: number;
  /** Serious violations that axe finds. */
  violations: string[];
}

/** Value that scores 0.9, value that scores 0.5, weight. */
const CURVES: Record<keyof Measures, [number, number, number]> = {
  fcpMs: [934, 1600, 10],
  lcpMs: [1200, 2400, 25],
  tbtMs: [150, 350, 30],
  cls: [0.1, 0.25, 25],
};

/** Measures a view from its first byte, with an empty cache. */
export async function scoreOf(page: Page, url: string, seen: string): Promise<Score> {
  await page.addInitScript(() => {
    const kept: { type: string; start: number; value: number; isLate: boolean }[] = [];
    Object.assign(globalThis, { kept });
    const take = (list: PerformanceObserverEntryList): void => {
      for (const entry of list.getEntries()) {
        const { value = 0, hadRecentInput = false } = entry as PerformanceEntry & { value?: number; hadRecentInput?: boolean };
        kept.push({ type: entry.name === "first-contentful-paint" ? entry.name : entry.entryType, start: entry.startTime, value: entry.entryType === "longtask" ? entry.duration : value, isLate: hadRecentInput });
      }
    };
    for (const type of ["paint", "largest-contentful-paint", "layout-shift", "longtask"]) new PerformanceObserver(take).observe({ type, buffered: true });
  });
  await page.goto(url);
  await page.locator(seen).first().waitFor();
  await page.waitForTimeout(2000);
  const measures = await page.evaluate((): Measures => {
    const { kept } = globalThis as unknown as { kept: { type: string; start: number; value: number; isLate: boolean }[] };
    const of = (type: string): typeof kept => kept.filter((entry) => entry.type === type);
    const fcpMs = of("first-contentful-paint")[0]?.start ?? NaN;
    return {
      fcpMs,
      lcpMs: of("largest-contentful-paint").at(-1)?.start ?? fcpMs,
      tbtMs: of("longtask").reduce((sum, { start, value }) => sum + Math.max(start + value - Math.max(start, fcpMs) - 50, 0), 0),
      cls: of("layout-shift").reduce((sum, { value, isLate }) => sum + (isLate ? 0 : value), 0),
    };
  });
  return { ...measures, performance: performanceOf(measures), violations: await violations(page) };
}

/** Lighthouse's score of measures. */
export function performanceOf(measures: Measures): number {
  let [sum, weights] = [0, 0];
  for (const [name, [good, median, weight]] of Object.entries(CURVES) as [keyof Measures, [number, number, number]][]) {
    sum += weight * logNormal(measures[name], good, median);
    weights += weight;
  }
  return Math.round((100 * sum) / weights);
}

/** 0.9 at `good`, 0.5 at `median`, along the complement of a log-normal distribution. */
function logNormal(value: number, good: number, median: number): number {
  if (value <= 0) return 1;
  const z = (Math.log(value) - Math.log(median)) / ((Math.log(median) - Math.log(good)) / 1.2815515655);
  return 0.5 * (1 - erf(z / Math.SQRT2));
}

/** Abramowitz and Stegun, 7.1.26. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return x < 0 ? -y : y;
}
