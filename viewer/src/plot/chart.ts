/** Lines over time: uPlot draws axes and the cursor, this file the lines and what fingers, wheel and keys do. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { h } from "../dom";
import { type Track, rangeOf } from "./lines";
import { formatNumber, timeTexts, timeTicks } from "./scale";
import { colour } from "./theme";
import { gestures, keys } from "./gestures";
import { type Window, width } from "./window";

export interface Line {
  track: Track;
  colour: string;
  dash: number[];
  /** 0: left axis, 1: right axis. */
  side: 0 | 1;
  shown: boolean;
}

export interface ChartOptions {
  height: number;
  /** What screen readers say. */
  label: string;
  zone: () => string;
  language: () => string;
  /** Units of the left and the right axis. */
  units: [string, string?];
  /** Without axes of values, and nothing moves. */
  small?: boolean;
  /** The window is moved; `ended` when fingers are off. */
  moved?: (window: Window, ended: boolean) => void;
  reset?: () => void;
  /** The cursor is at a time, and at a height as a part of the range of each axis; or it has left. */
  cursor?: (time: number | undefined, parts?: [left: number, right: number]) => void;
  picked?: () => void;
}

export interface Chart {
  readonly element: HTMLElement;
  readonly plot: uPlot;
  set(lines: Line[], window: Window): void;
  window(): Window;
  /** Values at the ends of an axis. */
  range(side: 0 | 1): [number, number];
  pointAt(time: number): void;
  resize(): void;
  redraw(): void;
  destroy(): void;
}

const SIDES = [3, 1] as const;
const FONT = "12px system-ui, sans-serif";
/** Points further apart than this are drawn as dots, too. */
const DOT_DISTANCE = 14;

export function makeChart(place: HTMLElement, options: ChartOptions): Chart {
  let lines: Line[] = [];
  let shown: Window = { from: 0, to: 1 };
  const ranges: [[number, number], [number, number]] = [[0, 1], [0, 1]];
  const element = h("div", options.small ? { class: "chart small" } : { class: "chart", tabIndex: 0, role: "group", "aria-roledescription": "plot", "aria-label": options.label });
  place.append(element);

  const side = (i: 0 | 1): uPlot.Axis => ({
    scale: i === 0 ? "left" : "right",
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum exists in types only
    side: SIDES[i],
    show: options.small !== true && options.units[i] !== undefined,
    label: options.units[i] ?? "",
    labelSize: 18,
    labelFont: FONT,
    font: FONT,
    stroke: () => colour("--muted"),
    size: (_, values: string[] | null) => 14 + 7 * Math.max(2, ...(values ?? []).map((text) => text.length)),
    values: (_, splits) => splits.map((value) => formatNumber(value, Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1)),
    grid: { show: i === 0, stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), size: 4, width: 1 },
    gap: 4,
  });
  const plot = new uPlot(
    {
      width: Math.max(place.clientWidth, 200),
      height: options.height,
      pxAlign: 0,
      legend: { show: false },
      padding: options.small ? [2, 0, 0, 0] : [10, options.units[1] === undefined ? 12 : 0, 0, 0],
      cursor: { show: options.small !== true, drag: { x: false, y: false, setScale: false }, points: { show: false }, y: false },
      scales: {
        x: { time: false, range: () => [shown.from, shown.to] },
        left: { range: () => ranges[0] },
        right: { range: () => ranges[1] },
      },
      series: [{}, { scale: "left", show: true }, { scale: "right", show: true }],
      axes: [
        {
          scale: "x",
          stroke: () => colour("--muted"),
          font: FONT,
          size: options.small ? 22 : 40,
          gap: options.small ? 2 : 6,
          grid: { stroke: () => colour("--line"), width: 1 },
          ticks: { stroke: () => colour("--line"), size: 4, width: 1 },
          splits: (u) => timeTicks(shown.from, shown.to, u.width / 95, options.zone()).ticks,
          values: (u) => {
            const texts = timeTexts(timeTicks(shown.from, shown.to, u.width / 95, options.zone()), options.zone(), options.language());
            return options.small ? texts.map((text) => text.replace("\n", " ").replace(/^00:00 /, "")) : texts;
          },
        },
        side(0),
        side(1),
      ],
      hooks: {
        draw: [(u) => draw(u)],
        setCursor: [
          (u) => {
            const { left, top } = u.cursor;
            if (left === undefined || left < 0 || top === undefined) options.cursor?.(undefined);
            else {
              const at = 1 - top / u.over.clientHeight;
              options.cursor?.(shown.from + (left / u.over.clientWidth) * width(shown), [at, at]);
            }
          },
        ],
      },
    },
    [[0, 1], [null, null], [null, null]],
    element,
  );

  function draw(u: uPlot): void {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = "round";
    ctx.lineWidth = (options.small ? 1 : 1.5) * uPlot.pxRatio;
    const perSecond = bbox.width / width(shown);
    for (const line of lines) {
      if (!line.shown) continue;
      const { times, values, gaps } = line.track;
      const [min, max] = ranges[line.side];
      const perUnit = bbox.height / (max - min);
      ctx.strokeStyle = ctx.fillStyle = line.colour;
      ctx.setLineDash(line.dash.map((n) => n * uPlot.pxRatio));
      ctx.beginPath();
      const first = Math.max(0, firstAt(times, shown.from) - 1);
      const last = Math.min(times.length - 1, firstAt(times, shown.to));
      const dots: number[] = [];
      const isSparse = ((last - first + 1) * DOT_DISTANCE * uPlot.pxRatio) < bbox.width && !options.small;
      for (let i = first; i <= last; i++) {
        const x = bbox.left + ((times[i] ?? 0) - shown.from) * perSecond;
        const y = bbox.top + bbox.height - ((values[i] ?? 0) - min) * perUnit;
        const isCut = i === first || gaps[i] === 1;
        if (isCut) ctx.moveTo(x, y);
        else ctx.lineTo(x, y);
        if (isSparse || (isCut && (i + 1 >= times.length || gaps[i + 1] === 1))) dots.push(x, y);
      }
      ctx.stroke();
      ctx.beginPath();
      for (let i = 0; i < dots.length; i += 2) {
        ctx.moveTo(dots[i] ?? 0, dots[i + 1] ?? 0);
        ctx.arc(dots[i] ?? 0, dots[i + 1] ?? 0, 2 * uPlot.pxRatio, 0, 2 * Math.PI);
      }
      ctx.fill();
    }
    ctx.restore();
  }

  function show(): void {
    for (const i of [0, 1] as const) {
      const found = rangeOf(lines.filter((line) => line.shown && line.side === i).map((line) => line.track), shown);
      if (found === undefined) continue;
      const [min, max] = found;
      const margin = max > min ? (max - min) * 0.06 : Math.max(Math.abs(max) * 0.01, 0.5);
      ranges[i] = [min - margin, max + margin];
    }
    plot.batch(() => {
      plot.setScale("x", { min: shown.from, max: shown.to });
      plot.setScale("left", { min: ranges[0][0], max: ranges[0][1] });
      plot.setScale("right", { min: ranges[1][0], max: ranges[1][1] });
    });
    plot.redraw(false, true);
  }
  const move = (window: Window, ended: boolean): void => options.moved?.(window, ended);
  if (options.small !== true) {
    gestures(plot.over, () => shown, move, (box) => plot.setSelect(box ?? { left: 0, top: 0, width: 0, height: 0 }, false), () => options.picked?.());
    plot.over.addEventListener("dblclick", () => options.reset?.());
    keys(element, () => shown, move, () => options.reset?.(), (by) => {
      const left = Math.max(0, Math.min(plot.over.clientWidth, (plot.cursor.left ?? -1) < 0 ? plot.over.clientWidth / 2 : (plot.cursor.left ?? 0) + by));
      plot.setCursor({ left, top: plot.over.clientHeight / 2 });
    }, () => options.picked?.());
  }
  return {
    element,
    plot,
    set(next, window) {
      lines = next;
      shown = { from: window.from, to: window.to > window.from ? window.to : window.from + 1 };
      show();
    },
    window: () => shown,
    range: (i) => ranges[i],
    pointAt(time) {
      plot.setCursor({ left: ((time - shown.from) / width(shown)) * plot.over.clientWidth, top: plot.over.clientHeight / 2 }, false);
    },
    resize() {
      if (place.clientWidth > 0 && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: options.height });
    },
    redraw: show,
    destroy() {
      plot.destroy();
      element.remove();
    },
  };
}

/** Index of the first of ascending times that is no less than `time`. */
function firstAt(times: Float64Array, time: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
