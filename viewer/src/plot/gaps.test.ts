import { describe, expect, it } from "vitest";
import { gapsBefore, typicalStep } from "./gaps";

/** Places of gaps. */
const gaps = (times: number[], isThinned = false): number[] => [...gapsBefore(times, isThinned)].flatMap((gap, i) => (gap === 1 ? [i] : []));
const every = (step: number, n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i * step);
/** Reproducible numbers from 0 to 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296) / 4_294_967_296;
}

/** What `max_points` keeps of values at positions: the least and the greatest of each bucket of `size`. */
function thinned(times: number[], values: number[], size: number): number[] {
  const kept: number[] = [];
  for (let first = 0; first < times.length; first += size) {
    const bucket = Array.from({ length: Math.min(size, times.length - first) }, (_, i) => first + i).filter((i) => !Number.isNaN(values[i]));
    if (bucket.length === 0) continue;
    const by = (sign: number): number => bucket.reduce((best, i) => (sign * (values[i] ?? 0) > sign * (values[best] ?? 0) ? i : best));
    kept.push(...[...new Set([by(1), by(-1)])].sort((a, b) => a - b).map((i) => times[i] ?? 0));
  }
  return kept;
}

describe("a line is interrupted", () => {
  it("where a single reading of a regular series failed", () => expect(gaps(every(900, 50).filter((_, i) => i !== 20))).toEqual([20]));
  it("where the series stopped for long", () => expect(gaps([...every(900, 20), ...every(900, 20, 90_000)])).toEqual([20]));
  it("twice within few values", () => expect(gaps(every(60, 40).filter((_, i) => i !== 15 && i !== 18))).toEqual([15, 17]));
  it("where a reading failed, also if values may have been left out", () => expect(gaps(every(900, 50).filter((_, i) => i !== 20), true)).toEqual([20]));
  it("also near its ends", () => expect(gaps([0, 60, 120, 600, 660, 720])).toEqual([3]));
});

describe("a line is not interrupted", () => {
  it("because other series have values in between", () => expect(gaps(every(3600, 30))).toEqual([]));
  it("where one rhythm goes over into another", () => expect(gaps([...every(900, 30), ...every(5, 100, 29 * 900 + 450), ...every(900, 30, 29 * 900 + 450 + 495 + 700)])).toEqual([]));
  it("by a clock that is a little off", () => {
    const next = random(3);
    expect(gaps(every(600, 200).map((time) => time + next() * 25))).toEqual([]);
  });
  it("between bursts of three readings", () => expect(gaps(every(900, 20).flatMap((time) => [time, time + 1, time + 2]))).toEqual([]));
  it("with fewer than three values", () => expect([gaps([]), gaps([1]), gaps([1, 500])]).toEqual([[], [], []]));
});

describe("what `max_points` leaves out is no gap", () => {
  const times = every(1, 40_000);
  const next = random(7);
  const shapes: [string, (i: number) => number][] = [
    ["noise", () => next()],
    ["a slope", (i) => i],
    ["a wave", (i) => Math.sin(i / 900)],
    ["a constant", () => 5],
    ["steps", (i) => Math.floor(i / 1000)],
    ["a wave with noise", (i) => Math.sin(i / 3000) + next() / 10],
  ];
  for (const [name, value] of shapes) {
    const values = times.map((_, i) => value(i));
    it(`in ${name}`, () => {
      for (const size of [4, 32, 64, 448]) expect(gaps(thinned(times, values, size), true), `buckets of ${size}`).toEqual([]);
    });
    it(`but five empty buckets of ${name} are`, () => {
      for (const size of [4, 32, 64, 448]) {
        const first = 20 * size + 1;
        const found = gaps(thinned(times, values.map((v, i) => (i >= first && i < first + 6 * size ? NaN : v)), size), true);
        expect(found.length, `buckets of ${size}`).toBe(1);
      }
    });
  }
});

it("the typical step is the median", () => expect([typicalStep([0, 1, 2, 3, 100]), typicalStep([5])]).toEqual([1, NaN]));
