/** What there is to show, fetched: layers of all datasets, the values of a choice. */

import type { Tree } from "../api/client";
import type { Context } from "../view";
import type { Bounds } from "./graticule";
import type { Choice } from "./choice";
import type { Field } from "./field";
import { type Overlays, overlaysOf } from "./overlays";
import { type Layer, layersOf } from "./places";
import { MAX_CELLS, type Place, type Reading, fieldOfGrid, placesOf, readingsOf, valuesOf } from "./values";

export interface Known {
  layers: Layer[];
  /** By dataset. */
  overlays: Map<string, Overlays>;
}

/** Everything that has a place, in all datasets that may be read. */
export async function discover(context: Context): Promise<Known> {
  const datasets = await context.datasets();
  const trees = await Promise.allSettled(datasets.map(({ name }) => context.tree(name)));
  const read = trees.flatMap((tree) => (tree.status === "fulfilled" ? [tree.value] : []));
  const failed = trees.find((tree) => tree.status === "rejected");
  if (read.length === 0 && failed !== undefined) throw failed.reason;
  return { layers: read.flatMap(layersOf), overlays: new Map(read.map((tree: Tree) => [tree.name, overlaysOf(tree)])) };
}

export type Values =
  | { kind: "stations"; places: Place[]; readings: Map<string, Reading> }
  | { kind: "grid"; field: Field | undefined; time: string | undefined; isPart: boolean };

export type Further = Map<string, { values: string[]; chosen: string | undefined }>;

/** The values of the further coordinates of a choice, and which of them is chosen: the first one if none is. */
export async function furtherOf(choice: Choice, selected: Record<string, string[]>, signal: AbortSignal): Promise<Further> {
  const found: Further = new Map();
  for (const { name } of choice.further) {
    const values = await valuesOf(choice.layer, name, signal);
    const chosen = selected[name]?.find((value) => values.includes(value)) ?? selected[name]?.map(Number).map((n) => values.find((value) => Number(value) === n))[0];
    found.set(name, { values, chosen: chosen ?? values[0] });
  }
  return found;
}

/** The newest values of a choice. A grid that is too large at once is fetched as far as it is seen. */
export async function load({ layer, variable, unit, window }: Choice, further: Further, seen: Bounds, signal: AbortSignal): Promise<Values> {
  const select = Object.fromEntries([...further].flatMap(([name, { chosen }]) => (chosen === undefined ? [] : [[name, chosen]])));
  const wanted = { select, ...(unit === undefined ? {} : { unit }), ...(window === undefined ? {} : { window }) };
  if (layer.kind === "stations") {
    const [places, readings] = await Promise.all([placesOf(layer, signal), variable === undefined ? new Map<string, Reading>() : readingsOf(layer, variable, wanted, signal)]);
    return { kind: "stations", places, readings };
  }
  if (variable === undefined) return { kind: "grid", field: undefined, time: undefined, isPart: false };
  const isPart = layer.longitude.length * layer.latitude.length > MAX_CELLS;
  if (isPart && cellsSeen(layer, seen) > MAX_CELLS) return { kind: "grid", field: undefined, time: undefined, isPart };
  const bbox = isPart ? [seen.west, seen.south, seen.east, seen.north].map((at) => at.toFixed(4)).join(",") : undefined;
  const { field, time } = await fieldOfGrid(layer, variable, wanted, bbox, signal);
  return { kind: "grid", field: field.longitudes.length > 0 ? field : undefined, time, isPart };
}

/** About how many cells of a grid are within bounds. */
function cellsSeen({ longitude, latitude }: Extract<Layer, { kind: "grid" }>, { west, south, east, north }: Bounds): number {
  const part = (extent: unknown, from: number, to: number): number => {
    const [low, high] = (extent ?? []) as number[];
    if (low === undefined || high === undefined || high <= low) return 1;
    return Math.max(Math.min(to, high) - Math.max(from, low), 0) / (high - low);
  };
  return longitude.length * latitude.length * part(longitude.extent, west, east) * part(latitude.extent, south, north);
}

/** Where a layer is, for the first look at it. */
export function extentOf(layer: Layer, values: Values | undefined): Bounds | undefined {
  if (layer.kind === "stations") {
    if (values?.kind !== "stations" || values.places.length === 0) return undefined;
    const [x, y] = [values.places.map(({ lonLat }) => lonLat[0]), values.places.map(({ lonLat }) => lonLat[1])];
    return { west: Math.min(...x), south: Math.min(...y), east: Math.max(...x), north: Math.max(...y) };
  }
  const [west, east] = (layer.longitude.extent ?? []) as unknown as number[];
  const [south, north] = (layer.latitude.extent ?? []) as unknown as number[];
  return west === undefined || south === undefined || east === undefined || north === undefined ? undefined : { west, south, east, north };
}
