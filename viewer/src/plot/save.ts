/** What is seen, as files: rows from the service, pictures from the canvases. */

import { type Question, questionPath } from "../api/query";
import { request } from "../api/client";
import { save } from "../save";
import { colour } from "./theme";

/** Asks for rows, with the person's credentials, and offers them as a file. */
export async function saveRows(question: Question, format: "csv" | "parquet", name: string): Promise<void> {
  const response = await request(questionPath(question, format));
  save(await response.blob(), `${name}.${format}`);
}

export interface PictureItem {
  label: string;
  colour: string;
  dash: number[];
}

/** A picture of canvases below each other, with a title and a legend. */
export async function picture(title: string, subtitle: string, canvases: HTMLCanvasElement[], items: PictureItem[]): Promise<Blob> {
  const scale = devicePixelRatio;
  const wide = Math.max(...canvases.map((canvas) => canvas.width), 400 * scale);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  const px = (n: number): number => n * scale;
  const font = (size: number, weight = 400): string => `${weight} ${px(size)}px system-ui, sans-serif`;
  context.font = font(12);
  // Places of the items of the legend, line by line.
  const places: { item: PictureItem; x: number; line: number }[] = [];
  let [x, line] = [px(16), 0];
  for (const item of items) {
    const needed = px(32) + context.measureText(item.label).width + px(16);
    if (x + needed > wide && x > px(16)) [x, line] = [px(16), line + 1];
    places.push({ item, x, line });
    x += needed;
  }
  const top = px(56);
  const charts = canvases.reduce((sum, { height }) => sum + height, 0);
  canvas.width = wide;
  canvas.height = top + charts + px(16) + (items.length > 0 ? (line + 1) * px(20) : 0);
  context.fillStyle = colour("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colour("--text");
  context.font = font(16, 600);
  context.fillText(title, px(16), px(26));
  context.fillStyle = colour("--muted");
  context.font = font(12);
  context.fillText(subtitle, px(16), px(46));
  let y = top;
  for (const part of canvases) {
    context.drawImage(part, 0, y);
    y += part.height;
  }
  for (const { item, x, line } of places) {
    const middle = y + px(10) + line * px(20);
    context.strokeStyle = item.colour;
    context.lineWidth = px(2.5);
    context.setLineDash(item.dash.map(px));
    context.beginPath();
    context.moveTo(x, middle);
    context.lineTo(x + px(22), middle);
    context.stroke();
    context.fillStyle = colour("--text");
    context.fillText(item.label, x + px(28), middle + px(4));
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob === null ? reject(new Error("no picture")) : resolve(blob)), "image/png"));
}
