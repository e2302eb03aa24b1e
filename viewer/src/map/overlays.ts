/**
 * Images over the map that a schema describes, in the attribute `map_overlays` of its root or of a node:
 *
 * ```yaml
 * ATTRS:
 *   map_overlays:
 *     - url: https://example.org/mine.png      # or data:image/png;base64,…
 *       title: Mine map
 *       attribution: Survey of 1987
 *       opacity: 0.7
 *       points:                                # three or more places that are known in the image and on Earth
 *         - {pixel: [120, 88], lon_lat: [14.889, 50.863]}
 * ```
 */

import type { Tree } from "../api/client";
import { type ControlPoint, type Mapping, georeference } from "./georeference";
import type { Point } from "./mercator";

export interface Overlay {
  url: string;
  title: string;
  attribution: string;
  opacity: number;
  points: ControlPoint[];
  mapping: Mapping;
}

export interface Overlays {
  overlays: Overlay[];
  /** What is wrong with those that cannot be shown. */
  problems: string[];
}

/** The overlays of a dataset. */
export function overlaysOf(tree: Tree): Overlays {
  const overlays: Overlay[] = [];
  const problems: string[] = [];
  const places = [{ of: tree.name, attributes: tree.attributes }, ...tree.nodes.filter(({ path }) => path !== "").map(({ path, attributes }) => ({ of: `${tree.name}/${path}`, attributes }))];
  for (const { of, attributes } of places) {
    const given = (attributes as Record<string, unknown>).map_overlays;
    if (given === undefined) continue;
    if (!Array.isArray(given)) problems.push(`${of}: \`map_overlays\` must be a list`);
    else
      given.forEach((entry: unknown, i) => {
        const read = overlayOf(entry);
        if (typeof read === "string") problems.push(`${of}: \`map_overlays[${i}]\`: ${read}`);
        else overlays.push(read);
      });
  }
  return { overlays, problems };
}

/** An overlay as its attribute tells it, or what is wrong. */
export function overlayOf(entry: unknown): Overlay | string {
  if (!isRecord(entry)) return "write `url` and `points`";
  const { url, title, attribution, opacity } = entry;
  if (typeof url !== "string" || !/^(https?:\/\/|data:image\/)/.test(url)) return "`url` must begin with https://, http:// or data:image/";
  if (!Array.isArray(entry.points) || entry.points.length < 3) return "`points` needs three or more places, `{pixel: [x, y], lon_lat: [longitude, latitude]}`";
  const points: ControlPoint[] = [];
  for (const point of entry.points as unknown[]) {
    const [pixel, lonLat] = isRecord(point) ? [pair(point.pixel), pair(point.lon_lat)] : [];
    if (pixel === undefined || lonLat === undefined) return "each of `points` is `{pixel: [x, y], lon_lat: [longitude, latitude]}`";
    points.push({ pixel, lonLat });
  }
  const mapping = georeference(points);
  if (mapping === undefined) return "`points` must not lie on one line";
  return {
    url,
    points,
    mapping,
    title: typeof title === "string" ? title : (url.split("/").at(-1) ?? url).slice(0, 40),
    attribution: typeof attribution === "string" ? attribution : "",
    opacity: typeof opacity === "number" && opacity >= 0 && opacity <= 1 ? opacity : 0.8,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function pair(value: unknown): Point | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [x, y] = value as unknown[];
  return typeof x === "number" && typeof y === "number" && Number.isFinite(x) && Number.isFinite(y) ? [x, y] : undefined;
}
