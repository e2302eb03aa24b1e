/** The projection of the map: Web Mercator, the world as a square from 0 to 1, x to the east and y to the south. */

export type LonLat = [number, number];
export type Point = [number, number];

/** Beyond it the square ends. */
export const LIMIT = 85.051129;

export function toMercator([longitude, latitude]: LonLat): Point {
  const at = Math.min(Math.max(latitude, -LIMIT), LIMIT) * (Math.PI / 180);
  return [longitude / 360 + 0.5, 0.5 - Math.log(Math.tan(Math.PI / 4 + at / 2)) / (2 * Math.PI)];
}

export function fromMercator([x, y]: Point): LonLat {
  return [(x - 0.5) * 360, (2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) * (180 / Math.PI)];
}
