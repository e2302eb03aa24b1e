/** What a layer shows: where its stations are, their newest values, the newest field. */

import type { VariableTree } from "../api/client";
import { type Columns, type Question, ask, numbers, quoted } from "../api/query";
import { type Field, fieldOf } from "./field";
import type { LonLat } from "./mercator";
import { type Grid, type Layer, type Stations, furtherCoordinates } from "./places";

/** A station: `key` tells it from others in answers, `name` is for people. */
export interface Place {
  key: string;
  name: string;
  lonLat: LonLat;
}

export interface Reading {
  value: number;
  time?: string;
}

/** What is asked for, beside the variable. */
export interface Wanted {
  /** Chosen values of further coordinates. */
  select: Record<string, string>;
  unit?: string;
  /** The window of time from which the newest value is taken, as a selector. */
  window?: string;
}

/** Most cells of a field that are fetched. */
export const MAX_CELLS = 400_000;

export async function placesOf(layer: Stations, signal?: AbortSignal): Promise<Place[]> {
  const { longitude, latitude, label } = layer;
  const variables = [longitude.name, latitude.name, ...(label === undefined || label === layer.along.name ? [] : [label])];
  const answer = await ask({ dataset: layer.dataset, node: layer.node.path, variables }, signal);
  const [x, y] = [numbers(answer.cells.get(longitude.name)), numbers(answer.cells.get(latitude.name))];
  const names = label === undefined ? undefined : answer.cells.get(label);
  return keysOf(layer, answer).flatMap((key, i): Place[] => {
    const lonLat: LonLat = [x[i] ?? NaN, y[i] ?? NaN];
    if (!Number.isFinite(lonLat[0]) || !Number.isFinite(lonLat[1]) || Math.abs(lonLat[1]) > 90) return [];
    return [{ key, name: names?.[i] || key, lonLat }];
  });
}

/** The newest value of each station, by key. */
export async function readingsOf(layer: Stations, variable: VariableTree, wanted: Wanted, signal?: AbortSignal): Promise<Map<string, Reading>> {
  const answer = await ask(question(layer, variable, wanted), signal);
  const values = numbers(answer.cells.get(variable.name));
  const times = layer.time === undefined ? undefined : answer.cells.get(layer.time.name);
  const found = new Map<string, Reading>();
  keysOf(layer, answer).forEach((key, i) => {
    const value = values[i] ?? NaN;
    const time = times?.[i];
    if (!Number.isFinite(value)) return;
    // Should there be several, the last one is the newest.
    found.set(key, time === undefined ? { value } : { value, time });
  });
  return found;
}

/** The newest field; `bbox` where the grid is too large to be fetched at once. */
export async function fieldOfGrid(layer: Grid, variable: VariableTree, wanted: Wanted, bbox: string | undefined, signal?: AbortSignal): Promise<{ field: Field; time: string | undefined }> {
  const asked = question(layer, variable, wanted);
  if (bbox !== undefined) asked.more = { ...asked.more, bbox };
  const answer = await ask(asked, signal);
  const times = layer.time === undefined ? undefined : answer.cells.get(layer.time.name);
  const time = times?.reduce<string | undefined>((newest, at) => (newest === undefined || Date.parse(at) > Date.parse(newest) ? at : newest), undefined);
  // A cell whose newest value is older has none in the newest field.
  const of = times?.map((at) => at === time);
  const column = (name: string): Float64Array => numbers(of === undefined ? answer.cells.get(name) : answer.cells.get(name)?.filter((_, i) => of[i]));
  return { field: fieldOf(column(layer.longitude.name), column(layer.latitude.name), column(variable.name)), time };
}

/** The values of a coordinate, as selectors take them. */
export async function valuesOf(layer: Layer, coordinate: string, signal?: AbortSignal): Promise<string[]> {
  const answer = await ask({ dataset: layer.dataset, node: layer.node.path, variables: [coordinate] }, signal);
  return answer.cells.get(coordinate) ?? [];
}

/** The question for the newest values of a layer's variable. */
export function question(layer: Layer, variable: VariableTree, wanted: Wanted): Question {
  const select: Record<string, string> = {};
  for (const { name } of furtherCoordinates(layer, variable)) {
    const value = wanted.select[name];
    if (value !== undefined) select[name] = quoted(value);
  }
  const isTimed = layer.time !== undefined && variable.dimensions.includes(layer.time.name);
  if (isTimed && layer.time !== undefined && wanted.window !== undefined) select[layer.time.name] = wanted.window;
  return {
    dataset: layer.dataset,
    node: layer.node.path,
    variables: [variable.name],
    select,
    ...(wanted.unit === undefined ? {} : { units: { [variable.name]: wanted.unit } }),
    ...(isTimed ? { more: { latest: 1 } } : {}),
  };
}

/** The chosen stations as the state of other views has them. */
export function selectionOf(layer: Stations, places: readonly Place[], keys: ReadonlySet<string>): Record<string, string[]> {
  const chosen = places.filter(({ key }) => keys.has(key));
  const { longitude, latitude, along } = layer;
  const empty = Object.fromEntries(selectors(layer, places).map((name) => [name, [] as string[]]));
  if (chosen.length === 0) return empty;
  const [by] = selectors(layer, places);
  if (by === along.name) return { [by]: chosen.map(({ key }) => key) };
  if (by === layer.label && by !== undefined) return { [by]: chosen.map(({ name }) => name) };
  const parts = chosen.map(({ key }) => key.split(","));
  return { [latitude.name]: parts.map(([lat = ""]) => lat), [longitude.name]: parts.map(([, lon = ""]) => lon) };
}

/** The keys of the stations that a state has chosen. */
export function chosenKeys(layer: Stations, places: readonly Place[], selected: Record<string, string[]>): Set<string> {
  const { longitude, latitude, along } = layer;
  const [by] = selectors(layer, places);
  if (by === along.name) return new Set((selected[by] ?? []).filter((value) => places.some(({ key }) => key === value)));
  if (by === layer.label && by !== undefined) {
    const names = new Set(selected[by]);
    return new Set(places.filter(({ name }) => names.has(name)).map(({ key }) => key));
  }
  const pairs = new Set((selected[latitude.name] ?? []).map((lat, i) => `${lat},${selected[longitude.name]?.[i] ?? ""}`));
  return new Set(places.filter(({ key }) => pairs.has(key)).map(({ key }) => key));
}

/** By what stations are selected: their coordinate, their names if these are unique, or latitude and longitude. */
function selectors(layer: Stations, places: readonly Place[]): string[] {
  if (!isComposed(layer)) return [layer.along.name];
  const isUnique = new Set(places.map(({ name }) => name)).size === places.length;
  if (layer.label !== undefined && isUnique) return [layer.label];
  return [layer.latitude.name, layer.longitude.name];
}

const isComposed = (layer: Stations): boolean => (layer.along.composed?.length ?? 0) > 0;

/** What tells the station of each row: its coordinate, or latitude and longitude where that is composed. */
function keysOf(layer: Stations, { cells, n }: Columns): string[] {
  if (!isComposed(layer)) return cells.get(layer.along.name) ?? [];
  const [y, x] = [cells.get(layer.latitude.name), cells.get(layer.longitude.name)];
  return Array.from({ length: n }, (_, i) => `${y?.[i] ?? ""},${x?.[i] ?? ""}`);
}
