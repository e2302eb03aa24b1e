import { describe, expect, it } from "vitest";
import { changeOf, isFollowing, windowOf } from "./address";
import { stepFor } from "./feed";
import { dragged } from "./overview";
import { Cache, around, kept, pan, pinch, serves, spanSeconds, zoom } from "./window";
import { START } from "../state";

const extent = { from: 0, to: 1000 };

describe("a window", () => {
  it("moves and keeps its width", () => expect(pan({ from: 10, to: 20 }, 5)).toEqual({ from: 15, to: 25 }));
  it("comes nearer to where the pointer is", () => expect(zoom({ from: 0, to: 100 }, 0.5, 25)).toEqual({ from: 12.5, to: 62.5 }));
  it("cannot be narrower than a moment", () => expect(zoom({ from: 0, to: 0.02 }, 1e-9, 0.01).to).toBeGreaterThan(0.01));
  it("follows two fingers", () => {
    const window = pinch({ from: 0, to: 100 }, [0.4, 0.6], [0.3, 0.7]);
    expect([window.from, window.to].map(Math.round)).toEqual([25, 75]);
  });
  it("stays in sight of the data", () => {
    expect(kept({ from: 5000, to: 5100 }, extent)).toEqual({ from: 990, to: 1090 });
    expect(kept({ from: -900, to: -800 }, extent)).toEqual({ from: -90, to: 10 });
    expect(kept({ from: -50_000, to: 50_000 }, extent)).toEqual({ from: -1500, to: 1500 });
  });
  it("is dragged by its ends, its middle, or drawn anew", () => {
    const window = { from: 100, to: 200 };
    expect(dragged("start", window, 100, 150, 1000)).toEqual({ from: 150, to: 200 });
    expect(dragged("end", window, 200, 90, 1000).to).toBeGreaterThan(100);
    expect(dragged("move", window, 150, 160, 1000)).toEqual({ from: 110, to: 210 });
    expect(dragged("draw", window, 700, 600, 1000)).toEqual({ from: 600, to: 700 });
  });
});

describe("what is fetched", () => {
  it("is one width more on both sides, within the data", () => expect([around({ from: 400, to: 500 }, extent), around({ from: -50, to: 200 }, extent)]).toEqual([{ from: 300, to: 600 }, { from: 0, to: 450 }]));
  it("serves until the window comes near its end or is much finer", () => {
    const fetched = { window: { from: 300, to: 600 }, step: 1, data: 0 };
    expect(serves(fetched, { from: 450, to: 550 }, 1, extent)).toBe(true);
    expect(serves(fetched, { from: 490, to: 590 }, 1, extent)).toBe(false);
    expect(serves(fetched, { from: 400, to: 450 }, 0.5, extent)).toBe(false);
    expect(serves({ ...fetched, step: 0 }, { from: 400, to: 450 }, 0.5, extent)).toBe(true);
    expect(serves({ ...fetched, window: { from: 600, to: 1000 } }, { from: 950, to: 1100 }, 1, extent)).toBe(true);
  });
  it("has two points per pixel, and fewer where there are many series", () => {
    expect(stepFor({ from: 0, to: 2000 }, 1000, 1)).toBe(1);
    expect(stepFor({ from: 0, to: 2000 }, 1000, 40)).toBe(4);
  });
});

describe("the cache", () => {
  const entry = (from: number, to: number, step: number): { window: { from: number; to: number }; step: number; data: string } => ({ window: { from, to }, step, data: `${from}-${to}/${step}` });
  it("finds the coarsest answer that serves", () => {
    const cache = new Cache<string>(5);
    cache.put(entry(0, 1000, 1));
    cache.put(entry(300, 700, 0.5));
    cache.put(entry(0, 1000, 8));
    expect(cache.find({ from: 450, to: 550 }, 1, extent)?.data).toBe("0-1000/1");
    expect(cache.find({ from: 450, to: 550 }, 0.4, extent)?.data).toBe("300-700/0.5");
    expect(cache.find({ from: 450, to: 550 }, 0.1, extent)).toBeUndefined();
  });
  it("does not take many more points than pixels", () => {
    const cache = new Cache<string>(5);
    cache.put(entry(0, 1000, 0.01));
    expect(cache.find({ from: 0, to: 1000 }, 1, extent)).toBeUndefined();
  });
  it("forgets what was not used for longest", () => {
    const cache = new Cache<string>(2);
    cache.put(entry(0, 100, 1));
    cache.put(entry(200, 300, 1));
    cache.find({ from: 40, to: 60 }, 1, extent);
    cache.put(entry(400, 500, 1));
    expect(cache.find({ from: 240, to: 260 }, 1, extent)).toBeUndefined();
    expect(cache.find({ from: 40, to: 60 }, 1, extent)?.data).toBe("0-100/1");
  });
});

describe("the window in a link", () => {
  it("is all, so much up to the newest value, or fixed", () => {
    expect(windowOf(START, extent)).toEqual(extent);
    expect(windowOf({ ...START, more: { span: "500s" } }, extent)).toEqual({ from: 500, to: 1000 });
    expect(windowOf({ ...START, from: "1970-01-01T00:00:10Z", to: "1970-01-01T00:00:20Z" }, extent)).toEqual({ from: 10, to: 20 });
  });
  it("follows new data where it reaches the newest value, else it stays", () => {
    const after = (window: { from: number; to: number }): typeof START => ({ ...START, ...changeOf(START, extent, window) }) as typeof START;
    expect(windowOf(after({ from: 600, to: 1000 }), { from: 0, to: 1100 })).toEqual({ from: 700, to: 1100 });
    expect(isFollowing(after({ from: 600, to: 1000 }))).toBe(true);
    expect(windowOf(after({ from: 100, to: 200 }), { from: 0, to: 1100 })).toEqual({ from: 100, to: 200 });
    expect(isFollowing(after({ from: 100, to: 200 }))).toBe(false);
  });
  it("has lengths by name or in seconds", () => expect([spanSeconds("7d"), spanSeconds("90s"), spanSeconds("soon"), spanSeconds(undefined)]).toEqual([604_800, 90, undefined, undefined]));
});
