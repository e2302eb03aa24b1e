import { describe, expect, it, vi } from "vitest";
import { regression } from "./correlation";
import { atMostEvery, makeFeed } from "./feed";
import { between, buckets, cellAt, gridOf, resampleStep } from "./grid";
import { type Track, nearest, rangeOf, replaced } from "./lines";

const track = (times: number[], values = times): Track => ({ times: Float64Array.from(times), values: Float64Array.from(values), gaps: new Uint8Array(times.length), isThinned: false });

describe("Pearson's correlation", () => {
  it("is 1 on a rising line and -1 on a falling one", () => {
    expect(regression([1, 2, 3], [3, 5, 7])).toEqual({ n: 3, r: 1, slope: 2, intercept: 1 });
    expect(regression([1, 2, 3], [7, 5, 3]).r).toBe(-1);
  });
  it("is that of a known sample", () => {
    // Anscombe's first quartet.
    const found = regression([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5], [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]);
    expect([found.n, found.r.toFixed(5), found.slope.toFixed(4), found.intercept.toFixed(4)]).toEqual([11, "0.81642", "0.5001", "3.0001"]);
  });
  it("leaves out pairs without a value, and says where there is none", () => {
    expect(regression([1, NaN, 3], [1, 5, 3]).n).toBe(2);
    expect(regression([1, 1, 1], [1, 2, 3]).r).toBeNaN();
    expect(regression([], []).n).toBe(0);
  });
  it("is exact for large values that vary little", () => expect(regression([1e9, 1e9 + 1, 1e9 + 2], [1e9, 1e9 + 2, 1e9 + 4]).slope).toBeCloseTo(2, 9));
});

describe("points of a series", () => {
  it("are found by time", () => expect([nearest([1, 5, 9], 2), nearest([1, 5, 9], 4), nearest([1, 5, 9], 70), nearest([], 1)]).toEqual([0, 1, 2, -1]));
  it("have a range within a window", () => expect([rangeOf([track([1, 2, 3], [5, -1, 9])], { from: 1, to: 2 }), rangeOf([], { from: 0, to: 1 })]).toEqual([[-1, 5], undefined]));
  it("are replaced within a window alone", () => {
    const found = replaced(track([1, 2, 3, 4, 5]), track([2.5, 3.5]), { from: 2, to: 4 });
    expect([...found.times]).toEqual([1, 2.5, 3.5, 5]);
    expect([...replaced(track([1, 2]), track([3, 4]), { from: 2.5, to: 5 }).times]).toEqual([1, 2, 3, 4]);
    expect([...replaced(track([]), track([3]), { from: 2, to: 5 }).times]).toEqual([3]);
  });
});

describe("cells", () => {
  it("reach halfway to their neighbours", () => expect([...between(Float64Array.from([0, 1, 3]))]).toEqual([-0.5, 0.5, 0.5, 2, 2, 4]));
  it("of time reach to the next value, but not over a gap", () => {
    const edges = buckets(Float64Array.from([0, 60, 120, 180, 600, 660, 720]), 10);
    expect([...edges]).toEqual([0, 60, 60, 120, 120, 180, 180, 240, 600, 660, 660, 720, 720, 780]);
  });
  it("are found by position", () => {
    const edges = Float64Array.from([0, 1, 1, 2, 5, 6]);
    expect([-1, 0, 0.5, 1, 3, 5.5, 6, 7].map((x) => cellAt(edges, x))).toEqual([-1, 0, 0, 1, -1, 2, 2, -1]);
  });
  it("hold the values of rows, and nothing where there is no row", () => {
    const grid = gridOf([10, 20, 20], [1, 1, 2], [5, 6, 7], {});
    expect([...grid.values]).toEqual([5, 6, NaN, 7]);
    expect(gridOf([10], [1], [5], { y: [1, 2, 3] }).y.length).toBe(3);
  });
  it("are as long as the window asks for", () => expect([resampleStep(3600, 400).name, resampleStep(86_400 * 60, 400).name, resampleStep(1e12, 400).name]).toEqual(["10s", "6h", "1y"]));
});

describe("points are asked for", () => {
  const extent = { from: 0, to: 10_000 };
  it("once for a window, and again only beyond what is there", async () => {
    const asked: [number, number, number][] = [];
    const feed = makeFeed({
      load: ({ from, to }, n) => (asked.push([from, to, Math.round(n)]), Promise.resolve(new Map([["s", track([from, to])]]))),
      took: () => undefined, failed: () => undefined, busy: () => undefined, tick: 1e-3,
    });
    feed.want({ from: 4000, to: 5000 }, extent, 500, 1);
    await vi.waitFor(() => expect(feed.current()).toBeDefined());
    feed.want({ from: 4300, to: 5300 }, extent, 500, 1);
    feed.want({ from: 3400, to: 4400 }, extent, 500, 1);
    expect(asked).toEqual([[3000, 6000, 3000]]);
    feed.want({ from: 5200, to: 6200 }, extent, 500, 1);
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    // Back to where it was: from the cache.
    await vi.waitFor(() => expect(feed.current()?.window.to).toBe(7200));
    feed.want({ from: 4000, to: 5000 }, extent, 500, 1);
    expect(feed.current()?.window).toEqual({ from: 3000, to: 6000 });
    expect(asked).toHaveLength(2);
  });
  it("and an outdated question is broken off, what is drawn stays", async () => {
    const signals: AbortSignal[] = [];
    const feed = makeFeed({
      load: (_, __, signal) => (signals.push(signal), signals.length === 1 ? Promise.resolve(new Map()) : new Promise(() => undefined)),
      took: () => undefined, failed: () => undefined, busy: () => undefined, tick: 1e-3,
    });
    feed.want({ from: 0, to: 100 }, extent, 500, 1);
    await vi.waitFor(() => expect(feed.current()).toBeDefined());
    feed.want({ from: 5000, to: 5100 }, extent, 500, 1);
    await vi.waitFor(() => expect(signals).toHaveLength(2));
    feed.want({ from: 8000, to: 8100 }, extent, 500, 1);
    await vi.waitFor(() => expect(signals).toHaveLength(3));
    expect(signals[1]?.aborted).toBe(true);
    expect(feed.current()?.window.from).toBe(0);
  });
  it("again for what is seen alone, and does not grow while a window follows", async () => {
    const feed = makeFeed({
      load: ({ from, to }) => Promise.resolve(new Map([["s", track(Array.from({ length: Math.floor(to) - Math.ceil(from) + 1 }, (_, i) => Math.ceil(from) + i))]])),
      took: () => undefined, failed: () => undefined, busy: () => undefined, tick: 1e-3,
    });
    feed.want({ from: 900, to: 1000 }, { from: 0, to: 1000 }, 500, 1);
    await vi.waitFor(() => expect(feed.current()).toBeDefined());
    for (let end = 1001; end < 1400; end += 7) await feed.refresh({ from: end - 100, to: end }, { from: 0, to: end }, 500, 1);
    const times = feed.current()?.data.get("s")?.times;
    expect(times?.length).toBeLessThan(220);
    expect(times?.at(-1)).toBeGreaterThan(1390);
  });
});

it("what happens often is looked at so often at most, and the last time counts", async () => {
  vi.useFakeTimers();
  const calls: number[] = [];
  const live = atMostEvery(500, () => (calls.push(Date.now()), Promise.resolve()));
  for (let i = 0; i < 40; i++) {
    live();
    await vi.advanceTimersByTimeAsync(50);
  }
  await vi.advanceTimersByTimeAsync(600);
  live.stop();
  expect(calls.length).toBeLessThanOrEqual(6);
  expect(calls.length).toBeGreaterThanOrEqual(4);
  vi.useRealTimers();
});
