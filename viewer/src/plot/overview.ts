/** Everything of the chosen series, small, with a window that can be dragged, widened and moved by keys. */

import { h } from "../dom";
import { type Chart, type ChartOptions, type Line, makeChart } from "./chart";
import { type Window, pan, width, zoom } from "./window";

export interface Overview {
  readonly chart: Chart;
  set(lines: Line[], all: Window, shown: Window): void;
  /** Moves the window alone. */
  show(shown: Window): void;
  destroy(): void;
}

export interface OverviewTexts {
  window: string;
  start: string;
  end: string;
}

export function makeOverview(
  place: HTMLElement,
  options: Pick<ChartOptions, "zone" | "language" | "height"> & { texts: OverviewTexts; describe: (shown: Window) => string; moved: (window: Window, ended: boolean) => void },
): Overview {
  const chart = makeChart(place, { ...options, label: options.texts.window, small: true, units: [""] });
  const { over } = chart.plot;
  const handle = (name: "start" | "end"): HTMLElement => h("div", { class: `handle ${name}`, title: options.texts[name] });
  const [start, end] = [handle("start"), handle("end")];
  const brush = h("div", { class: "brush", tabIndex: 0, role: "slider", "aria-label": options.texts.window, "aria-valuemin": 0, "aria-valuemax": 100 }, start, end);
  const [left, right] = [h("div", { class: "shade" }), h("div", { class: "shade" })];
  over.append(left, right, brush);
  let all: Window = { from: 0, to: 1 };
  let shown = all;

  function put(): void {
    const part = (time: number): number => Math.max(0, Math.min(1, (time - all.from) / width(all)));
    const [a, b] = [part(shown.from), part(shown.to)];
    // A window of a day in ten years must still be seen and taken hold of.
    brush.style.left = `min(${a * 100}%, calc(100% - 8px))`;
    brush.style.width = `max(${(b - a) * 100}%, 8px)`;
    left.style.left = "0";
    left.style.width = `${a * 100}%`;
    right.style.left = `${b * 100}%`;
    right.style.width = `${(1 - b) * 100}%`;
    brush.setAttribute("aria-valuenow", String(Math.round(((a + b) / 2) * 100)));
    brush.setAttribute("aria-valuetext", options.describe(shown));
  }
  const timeAt = (event: PointerEvent): number => {
    const rect = over.getBoundingClientRect();
    return all.from + ((event.clientX - rect.left) / rect.width) * width(all);
  };
  over.style.touchAction = "pan-y";
  let grip: { kind: "start" | "end" | "move" | "draw"; at: number; window: Window } | undefined;
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = timeAt(event);
    const kind = event.target === start ? "start" : event.target === end ? "end" : event.target === brush ? "move" : "draw";
    grip = { kind, at, window: shown };
    over.setPointerCapture(event.pointerId);
    event.preventDefault();
    brush.focus({ preventScroll: true });
  });
  over.addEventListener("pointermove", (event) => {
    if (grip === undefined) return;
    const at = timeAt(event);
    options.moved(dragged(grip.kind, grip.window, grip.at, at, width(all)), false);
  });
  const release = (event: PointerEvent): void => {
    if (grip === undefined) return;
    const at = timeAt(event);
    const isClick = Math.abs(at - grip.at) < width(all) / 200;
    // A click beside the window brings it there.
    const next = grip.kind === "draw" && isClick ? pan(grip.window, at - (grip.window.from + grip.window.to) / 2) : dragged(grip.kind, grip.window, grip.at, at, width(all));
    grip = undefined;
    options.moved(next, true);
  };
  over.addEventListener("pointerup", release);
  over.addEventListener("pointercancel", () => (grip = undefined));
  brush.addEventListener("keydown", (event) => {
    const by = width(shown) * (event.shiftKey ? 1 : 0.1);
    if (event.key === "ArrowLeft") options.moved(pan(shown, -by), true);
    else if (event.key === "ArrowRight") options.moved(pan(shown, by), true);
    else if (event.key === "+" || event.key === "=") options.moved(zoom(shown, 0.7, (shown.from + shown.to) / 2), true);
    else if (event.key === "-") options.moved(zoom(shown, 1 / 0.7, (shown.from + shown.to) / 2), true);
    else if (event.key === "Home") options.moved(pan(shown, all.from - shown.from), true);
    else if (event.key === "End") options.moved(pan(shown, all.to - shown.to), true);
    else return;
    event.preventDefault();
  });
  return {
    chart,
    set(lines, extent, window) {
      all = extent;
      shown = window;
      chart.set(lines, extent);
      put();
    },
    show(window) {
      shown = window;
      put();
    },
    destroy: () => chart.destroy(),
  };
}

/** The window after dragging from one time to another. */
export function dragged(kind: "start" | "end" | "move" | "draw", window: Window, from: number, to: number, all: number): Window {
  const least = all / 1e6;
  if (kind === "move") return pan(window, to - from);
  if (kind === "draw") return Math.abs(to - from) < all / 200 ? window : { from: Math.min(from, to), to: Math.max(from, to) };
  const next = kind === "start" ? { ...window, from: window.from + to - from } : { ...window, to: window.to + to - from };
  if (next.to - next.from >= least) return next;
  return kind === "start" ? { from: next.to - least, to: next.to } : { from: next.from, to: next.from + least };
}
