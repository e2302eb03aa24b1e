/** What the map shows, worked out from the state of the page and what there is. */

import type { CoordinateTree, VariableTree } from "../api/client";
import type { State } from "../state";
import { type Layer, furtherCoordinates, shownVariables } from "./places";
import { type Range, parseRange } from "./scale";

export interface Choice {
  layer: Layer;
  variable: VariableTree | undefined;
  /** Coordinates of the variable of which one value is shown. */
  further: CoordinateTree[];
  /** Where it is not the one stored. */
  unit: string | undefined;
  /** The window of time whose newest values are shown, as a selector; absent: all times. */
  window: string | undefined;
  /** Whether the node knows values of times to come. */
  hasFuture: boolean;
  range: Range | undefined;
}

export interface Camera {
  longitude: number;
  latitude: number;
  zoom: number;
}

/** The choice of a state; `undefined` if nothing has a place, or the state names a node that has none. */
export function choose(state: State, layers: readonly Layer[], now: Date, unitOf: (variable: VariableTree) => string | undefined): Choice | undefined {
  const of = layers.filter(({ dataset }) => state.dataset === "" || dataset === state.dataset);
  const layer = state.node === "" ? (of[0] ?? (state.dataset === "" ? layers[0] : undefined)) : of.find(({ node }) => node.path === state.node);
  if (layer === undefined) return undefined;
  const variables = shownVariables(layer);
  const variable =
    state.variables.map((name) => variables.find((variable) => variable.name === name)).find((found) => found !== undefined) ??
    variables.find(({ dimensions }) => layer.time !== undefined && dimensions.includes(layer.time.name)) ??
    variables[0];
  const end = (layer.time?.extent as unknown[] | null | undefined)?.[1];
  const hasFuture = typeof end === "string" && Date.parse(end) > now.getTime() + 60_000;
  const unit = variable === undefined ? undefined : unitOf(variable);
  return {
    layer,
    variable,
    further: variable === undefined ? [] : furtherCoordinates(layer, variable),
    unit: unit === variable?.unit ? undefined : unit,
    window: windowOf(state, hasFuture, now),
    hasFuture,
    range: parseRange(state.more.range),
  };
}

/** A chosen window of time, else all up to now where there are values of times to come that nobody asked for. */
function windowOf(state: State, hasFuture: boolean, now: Date): string | undefined {
  if (state.from !== undefined || state.to !== undefined) return `${state.from ?? ""}/${state.to ?? ""}`;
  if (!hasFuture || state.more.future === "1") return undefined;
  return `/${now.toISOString().slice(0, 19)}Z`;
}

/** The view of the map that a link tells: `14.89,50.863,12.5`. */
export function parseCamera(text: string | undefined): Camera | undefined {
  const [longitude = NaN, latitude = NaN, zoom = NaN] = (text ?? "").split(",").map(Number);
  if (![longitude, latitude, zoom].every(Number.isFinite) || Math.abs(latitude) > 90 || zoom < 0 || zoom > 24) return undefined;
  return { longitude, latitude, zoom };
}

/** As fine as a pixel of that zoom. */
export function cameraText({ longitude, latitude, zoom }: Camera): string {
  const digits = Math.min(Math.max(Math.ceil(Math.log10((512 * 2 ** zoom) / 360)), 1), 7);
  return [longitude.toFixed(digits), latitude.toFixed(digits), zoom.toFixed(2)].map(Number).join(",");
}
