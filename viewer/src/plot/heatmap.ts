/** Cells as colours on a canvas, with axes. */

import { cividis } from "../colours";
import { type Grid, cellAt } from "./grid";
import { formatNumber, niceTicks, timeTexts, timeTicks } from "./scale";
import { colour } from "./theme";

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface AxisOf {
  from: number;
  to: number;
  label: string;
  /** A time zone: the axis shows times. */
  zone?: string;
  locale?: string;
}

/** Makes a canvas as large as its place, sharp on any screen; drawn in CSS pixels. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

/** Where a position lies; `from` of an axis of rows is at the bottom, and may be the greater one. */
export const across = (axis: AxisOf, frame: Frame, x: number): number => frame.left + ((x - axis.from) / (axis.to - axis.from)) * frame.width;
export const upward = (axis: AxisOf, frame: Frame, y: number): number => frame.top + frame.height - ((y - axis.from) / (axis.to - axis.from)) * frame.height;
export const positionAcross = (axis: AxisOf, frame: Frame, px: number): number => axis.from + ((px - frame.left) / frame.width) * (axis.to - axis.from);
export const positionUpward = (axis: AxisOf, frame: Frame, px: number): number => axis.from + ((frame.top + frame.height - px) / frame.height) * (axis.to - axis.from);

const FONT = "12px system-ui, sans-serif";

/** Draws axes around a frame: ticks, texts, labels; with `grid`, lines across. */
export function drawAxes(context: CanvasRenderingContext2D, frame: Frame, x: AxisOf, y: AxisOf, grid: boolean): void {
  context.font = FONT;
  context.lineWidth = 1;
  context.strokeStyle = colour("--line");
  context.fillStyle = colour("--muted");
  const bottom = frame.top + frame.height;
  const line = (x1: number, y1: number, x2: number, y2: number): void => {
    context.beginPath();
    context.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    context.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
    context.stroke();
  };
  const xTicks = x.zone === undefined ? undefined : timeTicks(x.from, x.to, frame.width / 95, x.zone);
  const xs = xTicks?.ticks ?? niceTicks(Math.min(x.from, x.to), Math.max(x.from, x.to), frame.width / 60);
  const texts = xTicks === undefined ? xs.map((value) => formatNumber(value, Math.abs((xs[1] ?? 1) - (xs[0] ?? 0)) || 1)) : timeTexts(xTicks, x.zone ?? "UTC", x.locale ?? "en-GB");
  context.textAlign = "center";
  context.textBaseline = "top";
  xs.forEach((tick, i) => {
    const at = across(x, frame, tick);
    line(at, grid ? frame.top : bottom, at, bottom + 4);
    (texts[i] ?? "").split("\n").forEach((text, row) => context.fillText(text, at, bottom + 7 + 15 * row));
  });
  if (x.label !== "") context.fillText(x.label, frame.left + frame.width / 2, bottom + (x.zone === undefined ? 24 : 38));
  const ys = niceTicks(Math.min(y.from, y.to), Math.max(y.from, y.to), frame.height / 45);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ys) {
    const at = upward(y, frame, tick);
    line(grid ? frame.left : frame.left - 4, at, grid ? frame.left + frame.width : frame.left, at);
    context.fillText(formatNumber(tick, Math.abs((ys[1] ?? 1) - (ys[0] ?? 0)) || 1), frame.left - 7, at);
  }
  if (y.label !== "") {
    context.save();
    context.translate(frame.left - 44, frame.top + frame.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(y.label, 0, 0);
    context.restore();
  }
}

/** Draws the cells within a frame; what has no value stays transparent. */
export function drawCells(context: CanvasRenderingContext2D, frame: Frame, grid: Grid, x: AxisOf, y: AxisOf, range: readonly [number, number]): void {
  const scale = context.getTransform().a;
  const [wide, high] = [Math.max(1, Math.round(frame.width * scale)), Math.max(1, Math.round(frame.height * scale))];
  const image = new ImageData(wide, high);
  const pixels = new Uint32Array(image.data.buffer);
  const columns = Int32Array.from({ length: wide }, (_, px) => cellAt(grid.xEdges, x.from + ((px + 0.5) / wide) * (x.to - x.from)));
  const palette = Uint32Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = cividis(i / 255);
    return 0xff000000 | (b << 16) | (g << 8) | r;
  });
  const perUnit = range[1] > range[0] ? 255 / (range[1] - range[0]) : 0;
  for (let py = 0; py < high; py++) {
    const row = cellAt(grid.yEdges, y.to - ((py + 0.5) / high) * (y.to - y.from));
    if (row < 0) continue;
    for (let px = 0; px < wide; px++) {
      const column = columns[px] ?? -1;
      if (column < 0) continue;
      const value = grid.values[row * grid.x.length + column] ?? NaN;
      if (Number.isNaN(value)) continue;
      const part = perUnit === 0 ? 127 : Math.max(0, Math.min(255, Math.round((value - range[0]) * perUnit)));
      pixels[py * wide + px] = palette[part] ?? 0;
    }
  }
  const layer = document.createElement("canvas");
  layer.width = wide;
  layer.height = high;
  layer.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, frame.left, frame.top, frame.width, frame.height);
}
