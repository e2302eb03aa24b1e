/** Lines of equal longitude and latitude, and how they are labelled. */

import type { Feature, FeatureCollection, LineString } from "geojson";

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

const STEPS = [45, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001];

/** Degrees between lines, so that they are at least some 110 pixels apart; `zoom` is that of tiles of 512 pixels. */
export function stepAt(zoom: number): number {
  const degreesPerPixel = 360 / (512 * 2 ** zoom);
  return STEPS.findLast((step) => step >= 110 * degreesPerPixel) ?? 45;
}

/** Multiples of `step` from `from` to `to`. */
export function multiples(from: number, to: number, step: number): number[] {
  const [first, last] = [Math.ceil(from / step - 1e-9), Math.floor(to / step + 1e-9)];
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => Number(((first + i) * step).toFixed(6)));
}

/** `14.5° E`, `30° S`, `0°`. */
export function degrees(value: number, axis: "longitude" | "latitude", step: number): string {
  const wrapped = axis === "longitude" ? ((((value + 180) % 360) + 360) % 360) - 180 : value;
  const size = Math.abs(wrapped).toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  if (Number(size) === 0) return "0°";
  if (axis === "longitude") return Number(size) === 180 ? "180°" : `${size}° ${wrapped > 0 ? "E" : "W"}`;
  return `${size}° ${wrapped > 0 ? "N" : "S"}`;
}

/** The lines that cross a window, some way beyond it too. */
export function lines(bounds: Bounds, step: number): FeatureCollection<LineString> {
  const [width, height] = [bounds.east - bounds.west, bounds.north - bounds.south];
  const [west, east] = [bounds.west - width, bounds.east + width];
  const [south, north] = [Math.max(bounds.south - height, -85), Math.min(bounds.north + height, 85)];
  const line = (coordinates: [number, number][]): Feature<LineString> => ({
    type: "Feature",
    properties: {},
    geometry: { type: "LineString", coordinates },
  });
  return {
    type: "FeatureCollection",
    features: [
      ...multiples(west, east, step).map((x) => line([[x, south], [x, north]])),
      ...multiples(south, north, step).map((y) => line([[west, y], [east, y]])),
    ],
  };
}
