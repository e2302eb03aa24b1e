/** From values to colours: a range that is chosen, or found and then only widened, so that colours do not jump. */

import { cividis, css } from "../colours";

export type Range = [number, number];

/** The range of values; `undefined` if there are none. */
export function rangeOf(values: Iterable<number>): Range | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return undefined;
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** A range with ends that read well, and not narrower than before. */
export function widened(found: Range, before?: Range): Range {
  const rounded = nice(found);
  if (before === undefined) return rounded;
  if (found[0] >= before[0] && found[1] <= before[1]) return before;
  return [Math.min(before[0], rounded[0]), Math.max(before[1], rounded[1])];
}

function nice([low, high]: Range): Range {
  const rough = (high - low) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const clean = (value: number): number => Number((Math.round(value / step) * step).toPrecision(12));
  return [clean(Math.floor(low / step) * step), clean(Math.ceil(high / step) * step)];
}

export const partOf = (value: number, [low, high]: Range): number => (value - low) / (high - low);

export const colourOf = (value: number, range: Range): string => css(cividis(partOf(value, range)));

/** Written in a link: `-5,30`. */
export function parseRange(text: string | undefined): Range | undefined {
  const [low, high, ...more] = (text ?? "").split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (low === undefined || high === undefined || more.length > 0) return undefined;
  return Number.isFinite(low) && Number.isFinite(high) && low < high ? [low, high] : undefined;
}
