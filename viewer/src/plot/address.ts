/** The window of time in the page's address: fixed, or of a length up to the newest value. */

import type { State } from "../state";
import type { Change } from "../view";
import { iso } from "./scale";
import { type Window, spanSeconds, width } from "./window";

/** The window of a state: what it says, or so much up to the newest value, or all. */
export function windowOf(state: State, extent: Window): Window {
  const all = extent.to > extent.from ? extent : { from: extent.from - 1800, to: extent.to + 1800 };
  if (state.from !== undefined || state.to !== undefined) {
    const from = state.from === undefined ? all.from : Date.parse(state.from) / 1000;
    const to = state.to === undefined ? all.to : Date.parse(state.to) / 1000;
    return from < to ? { from, to } : all;
  }
  const span = spanSeconds(state.more.span);
  return span === undefined ? all : { from: all.to - span, to: all.to };
}

/** Whether the window goes on with new values. */
export const isFollowing = (state: State): boolean => state.from === undefined && state.to === undefined;

/** Parameters of a view without one. */
export const without = (more: Record<string, string>, name: string): Record<string, string> => Object.fromEntries(Object.entries(more).filter(([key]) => key !== name));

/** The window that a button names: `all`, `24h`, … */
export function spanOf(state: State, name: string): Change {
  const more = without(state.more, "span");
  return { from: undefined, to: undefined, more: name === "all" ? more : { ...more, span: name } };
}

/** A window that somebody moved to: all stays all, one that reaches the newest value follows it, others stay. */
export function changeOf(state: State, extent: Window, window: Window): Change {
  if (window.from <= extent.from && window.to >= extent.to && width(window) <= width(extent) * 1.02) return spanOf(state, "all");
  if (window.to >= extent.to) return spanOf(state, `${Number(Math.max(extent.to - window.from, 1e-3).toPrecision(6))}s`);
  const more = without(state.more, "span");
  return { from: iso(window.from), to: iso(window.to), more };
}
