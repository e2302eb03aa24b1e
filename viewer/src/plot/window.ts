/** Windows of time: how they move, what is fetched for them, and what is kept of it. Times are seconds since 1970 UTC. */

export interface Window {
  from: number;
  to: number;
}

/** The narrowest window. */
const MIN_WIDTH = 0.01;

export const width = ({ from, to }: Window): number => to - from;

export function pan({ from, to }: Window, by: number): Window {
  return { from: from + by, to: to + by };
}

/** `factor` under 1 comes nearer; the time `at` stays where it is. */
export function zoom({ from, to }: Window, factor: number, at: number): Window {
  const scale = Math.max(factor, MIN_WIDTH / Math.max(to - from, MIN_WIDTH));
  return { from: at - (at - from) * scale, to: at + (to - at) * scale };
}

/** The window that two fingers make which were at `was` and are at `is` (parts of the width, 0 to 1). */
export function pinch(window: Window, was: readonly [number, number], is: readonly [number, number]): Window {
  const [a, b] = was.map((part) => window.from + part * width(window)) as [number, number];
  const apart = is[1] - is[0];
  if (Math.abs(apart) < 0.02) return window;
  const perPart = Math.max((b - a) / apart, MIN_WIDTH);
  const from = a - is[0] * perPart;
  return { from, to: from + perPart };
}

/** Keeps at least a tenth of the window within `extent`, and the window no wider than three times as wide as it. */
export function kept(window: Window, extent: Window): Window {
  const all = Math.max(width(extent), MIN_WIDTH);
  let { from, to } = window;
  if (to - from > 3 * all) [from, to] = [(from + to) / 2 - 1.5 * all, (from + to) / 2 + 1.5 * all];
  const margin = (to - from) / 10;
  if (to < extent.from + margin) return pan({ from, to }, extent.from + margin - to);
  if (from > extent.to - margin) return pan({ from, to }, extent.to - margin - from);
  return { from, to };
}

/** What is fetched for a window: one width more on both sides, as far as there is anything. */
export function around(window: Window, extent: Window): Window {
  const by = width(window);
  const from = Math.max(window.from - by, extent.from);
  const to = Math.min(window.to + by, extent.to);
  return from < to ? { from, to } : { from: window.from, to: window.to };
}

export const covers = (outer: Window, inner: Window): boolean => outer.from <= inner.from && outer.to >= inner.to;

/** An answer: for which window, and how many seconds one point stands for. */
export interface Fetched<T> {
  window: Window;
  step: number;
  data: T;
}

/** Whether what was fetched still serves a window: it reaches a quarter of a width beyond it and is fine enough. */
export function serves(fetched: Fetched<unknown>, window: Window, step: number, extent: Window): boolean {
  const by = width(window) / 4;
  const needed = { from: Math.max(window.from - by, extent.from), to: Math.min(window.to + by, extent.to) };
  return fetched.step <= step * 1.5 && (needed.from >= needed.to || covers(fetched.window, needed));
}

/** The last answers. Of those that serve a window the coarsest is taken, which has the fewest points. */
export class Cache<T> {
  private entries: Fetched<T>[] = [];

  constructor(private readonly size: number) {}

  find(window: Window, step: number, extent: Window): Fetched<T> | undefined {
    let found: Fetched<T> | undefined;
    for (const entry of this.entries) {
      // Much finer than needed means many more points than pixels.
      if (entry.step < step / 8 && entry.step > 0) continue;
      if (serves(entry, window, step, extent) && (found === undefined || entry.step > found.step)) found = entry;
    }
    if (found !== undefined) this.entries = [found, ...this.entries.filter((entry) => entry !== found)];
    return found;
  }

  put(entry: Fetched<T>): void {
    this.entries = [entry, ...this.entries].slice(0, this.size);
  }

  clear(): void {
    this.entries = [];
  }
}

/** Lengths that a button chooses, in seconds. */
export const SPANS = { "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "1y": 365 * 86_400 } as const;

/** Length of a window that ends at the newest value, as kept in links: `24h`, `30d`, `5400s`. */
export function spanSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text in SPANS) return SPANS[text as keyof typeof SPANS];
  const n = /^(\d+(\.\d+)?)s$/.exec(text)?.[1];
  return n === undefined || Number(n) <= 0 ? undefined : Number(n);
}
