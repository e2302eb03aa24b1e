/** Points for the window shown: asked at its scale, kept for coming back, brought up to date when something arrives. */

import { type Track, replaced } from "./lines";
import { Cache, type Fetched, type Window, around, serves, width } from "./window";

export type Tracks = Map<string, Track>;

export interface FeedOptions {
  load: (window: Window, maxPoints: number, signal: AbortSignal) => Promise<Tracks>;
  /** Something new is there to be drawn. */
  took: () => void;
  failed: (error: unknown) => void;
  busy: (is: boolean) => void;
  /** Seconds of a tick: finer than that there is nothing. */
  tick: number;
}

export interface Feed {
  /** What is there, at best for the window last wanted. */
  current(): Fetched<Tracks> | undefined;
  /** Asks for a window drawn `pixels` wide, if what is there does not serve. */
  want(window: Window, extent: Window, pixels: number, nSeries: number): void;
  /** Asks again for what is seen of a window, for it may have changed; resolves when it is drawn. */
  refresh(window: Window, extent: Window, pixels: number, nSeries: number): Promise<void>;
  stop(): void;
}

/** Points of all series in one answer, about. */
const MAX_POINTS = 60_000;
/** Time without further movement after which is asked. */
const PAUSE_MS = 80;
const N_KEPT = 12;

/** Seconds that one point stands for: half a pixel, or more when there are many series. */
export function stepFor(window: Window, pixels: number, nSeries: number): number {
  const perWindow = Math.max(100, Math.min(2 * pixels, MAX_POINTS / 3 / Math.max(nSeries, 1)));
  return width(window) / perWindow;
}

export function makeFeed(options: FeedOptions): Feed {
  const cache = new Cache<Tracks>(N_KEPT);
  let current: Fetched<Tracks> | undefined;
  let pending: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What is being fetched, so that a window on its way is not asked for again. */
  let coming: Fetched<undefined> | undefined;
  /** Refreshing does not break off what was asked for a window, else a slow answer would never come amid many commits. */
  const refreshing = new AbortController();

  async function fetch(window: Window, step: number): Promise<Fetched<Tracks>> {
    pending?.abort();
    const mine = new AbortController();
    pending = mine;
    options.busy(true);
    try {
      const data = await options.load(window, width(window) / step, mine.signal);
      return { window, step: step <= options.tick ? 0 : step, data };
    } finally {
      if (pending === mine) {
        pending = undefined;
        coming = undefined;
        options.busy(false);
      }
    }
  }
  const failed = (error: unknown): void => {
    if (!(error instanceof DOMException && error.name === "AbortError")) options.failed(error);
  };
  return {
    current: () => current,
    want(window, extent, pixels, nSeries) {
      clearTimeout(timer);
      const step = stepFor(window, pixels, nSeries);
      if (current !== undefined && serves(current, window, step, extent) && (current.step === 0 || current.step > step / 8)) return;
      const kept = cache.find(window, step, extent);
      if (kept !== undefined) {
        pending?.abort();
        current = kept;
        options.took();
        return;
      }
      if (coming !== undefined && serves(coming, window, step, extent)) return;
      timer = setTimeout(
        () => {
          const asked = around(window, extent);
          const answer = fetch(asked, step);
          coming = { window: asked, step, data: undefined };
          answer
            .then((fetched) => {
              current = fetched;
              cache.put(fetched);
              options.took();
            })
            .catch(failed);
        },
        current === undefined ? 0 : PAUSE_MS,
      );
    },
    async refresh(window, extent, pixels, nSeries) {
      // What else is kept may be outdated, too; it is asked for when it is wanted.
      cache.clear();
      const seen = { from: Math.max(window.from, extent.from), to: Math.min(window.to, extent.to) };
      if (current === undefined || seen.from >= seen.to) return;
      const step = stepFor(window, pixels, nSeries);
      try {
        const fresh = await options.load(seen, width(seen) / step, refreshing.signal);
        const outer = around(window, extent);
        const data: Tracks = new Map();
        for (const [id, track] of fresh) {
          const known = current.data.get(id);
          data.set(id, known === undefined ? track : within(replaced(known, track, seen), outer));
        }
        current = {
          window: { from: Math.max(Math.min(current.window.from, seen.from), outer.from), to: Math.min(Math.max(current.window.to, seen.to), outer.to) },
          step: Math.max(current.step, step <= options.tick ? 0 : step),
          data,
        };
        options.took();
      } catch (error) {
        failed(error);
      }
    },
    stop() {
      clearTimeout(timer);
      pending?.abort();
      refreshing.abort();
    },
  };
}

/** The points within a window, so that what is kept does not grow while a window follows new data. */
function within(track: Track, window: Window): Track {
  const { times, values, gaps } = track;
  if ((times[0] ?? Infinity) >= window.from && (times.at(-1) ?? -Infinity) <= window.to) return track;
  const first = times.findIndex((time) => time >= window.from);
  const last = times.findLastIndex((time) => time <= window.to);
  if (first < 0) return { ...track, times: times.slice(0, 0), values: values.slice(0, 0), gaps: gaps.slice(0, 0) };
  return { ...track, times: times.slice(first, last + 1), values: values.slice(first, last + 1), gaps: gaps.slice(first, last + 1) };
}

/** Calls `act` at most every `pauseMs`, and not before the former call has ended; calls in between become one. */
export function atMostEvery(pauseMs: number, act: () => Promise<void>): { (): void; stop(): void } {
  let [isWanted, isRunning, isStopped] = [false, false, false];
  let timer: ReturnType<typeof setTimeout> | undefined;
  async function run(): Promise<void> {
    isRunning = true;
    while (isWanted && !isStopped) {
      isWanted = false;
      const begin = performance.now();
      await act().catch(() => undefined);
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.max(0, pauseMs - (performance.now() - begin)));
      });
    }
    isRunning = false;
  }
  const call = (): void => {
    isWanted = true;
    if (!isRunning) void run();
  };
  return Object.assign(call, {
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  });
}
