/** What a person sees: the colours of a screenshot. */

import type { Browser, Locator, Page } from "playwright-core";

export type Rgb = [number, number, number];

/** A part of a page, in CSS pixels. */
export interface Clip {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** The colour at a place, in CSS pixels from the top left. */
  at(x: number, y: number): Rgb;
  /** Places whose colour is within `tolerance` of `colour` in each channel. */
  places(colour: Rgb, tolerance?: number): { x: number; y: number }[];
  /** How many places differ from another picture of the same size by more than `tolerance`. */
  different(other: Pixels, tolerance?: number): number;
  /** How many colours there are. */
  nColours(): number;
}

/** The colours of an element, or of the page, as shown. */
export async function pixelsOf(browser: Browser, what: Locator | Page, clip?: Clip): Promise<Pixels> {
  const options = { animations: "disabled" as const, ...(clip === undefined ? {} : { clip }) };
  return decode(browser, await what.screenshot(options));
}

const decoders = new WeakMap<Browser, Promise<Page>>();

/** Decodes a PNG in a page of its own, whose policies are nobody's. */
async function decode(browser: Browser, png: Buffer): Promise<Pixels> {
  let decoder = decoders.get(browser);
  if (decoder === undefined) {
    decoder = browser.newPage();
    decoders.set(browser, decoder);
  }
  const { width, height, data } = await (await decoder).evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no 2D context");
    context.drawImage(bitmap, 0, 0);
    const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    let binary = "";
    for (let i = 0; i < rgba.length; i += 32_768) binary += String.fromCharCode(...rgba.subarray(i, i + 32_768));
    return { width: bitmap.width, height: bitmap.height, data: btoa(binary) };
  }, png.toString("base64"));
  return pixels(width, height, Buffer.from(data, "base64"));
}

function pixels(width: number, height: number, rgba: Buffer): Pixels {
  const at = (x: number, y: number): Rgb => {
    const i = 4 * (Math.round(y) * width + Math.round(x));
    return [rgba[i] ?? -1, rgba[i + 1] ?? -1, rgba[i + 2] ?? -1];
  };
  const isNear = (a: Rgb, b: Rgb, tolerance: number): boolean => a.every((c, i) => Math.abs(c - (b[i] ?? -999)) <= tolerance);
  return {
    width,
    height,
    at,
    places(colour, tolerance = 6) {
      const found: { x: number; y: number }[] = [];
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (isNear(at(x, y), colour, tolerance)) found.push({ x, y });
      return found;
    },
    different(other, tolerance = 6) {
      if (other.width !== width || other.height !== height) throw new Error("pictures of different sizes");
      let n = 0;
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (!isNear(at(x, y), other.at(x, y), tolerance)) n++;
      return n;
    },
    nColours: () => {
      const colours = new Set<number>();
      for (let i = 0; i < rgba.length; i += 4) colours.add(rgba.readUInt32BE(i) >>> 8);
      return colours.size;
    },
  };
}
