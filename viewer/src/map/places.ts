/** Where the data of a node is: at stations, or on a grid. The rules are those of the interface's `bbox`. */

import type { CoordinateTree, NodeTree, Tree, VariableTree } from "../api/client";

/** Nodes with a longitude and a latitude over one coordinate. */
export interface Stations {
  kind: "stations";
  dataset: string;
  node: NodeTree;
  /** The coordinate along which the stations are. */
  along: CoordinateTree;
  longitude: VariableTree;
  latitude: VariableTree;
  /** What names a station; absent: nothing but its place does. */
  label?: string;
  time?: CoordinateTree;
}

/** Nodes whose longitude and latitude are coordinates of their own. */
export interface Grid {
  kind: "grid";
  dataset: string;
  node: NodeTree;
  longitude: CoordinateTree;
  latitude: CoordinateTree;
  time?: CoordinateTree;
}

export type Layer = Stations | Grid;

/** The layers of a dataset, in the order of its nodes. */
export function layersOf(tree: Tree): Layer[] {
  return tree.nodes.flatMap((node) => layerOf(tree.name, node) ?? []);
}

export function layerOf(dataset: string, node: NodeTree): Layer | undefined {
  const arrays = [...node.coordinates, ...node.variables].filter(({ dimensions }) => dimensions.length === 1);
  const longitude = arrays.find((array) => isNamed(array, ["longitude", "lon", "lng"]));
  const latitude = arrays.find((array) => isNamed(array, ["latitude", "lat"]));
  if (longitude === undefined || latitude === undefined) return undefined;
  const found = node.coordinates.find((coordinate) => coordinate.tick != null);
  const time = found === undefined ? {} : { time: found };
  const along = node.coordinates.find(({ name }) => name === longitude.dimensions[0]);
  if (along !== undefined && latitude.dimensions[0] === along.name) {
    const label = labelOf(node, along);
    return { kind: "stations", dataset, node, along, longitude, latitude, ...(label === undefined ? {} : { label }), ...time };
  }
  const [lon, lat] = [longitude.name, latitude.name].map((name) => node.coordinates.find((coordinate) => coordinate.name === name));
  if (lon === undefined || lat === undefined) return undefined;
  return { kind: "grid", dataset, node, longitude: lon, latitude: lat, ...time };
}

/** Variables whose values can colour a layer. */
export function shownVariables(layer: Layer): VariableTree[] {
  const needed = layer.kind === "stations" ? [layer.along.name] : [layer.longitude.name, layer.latitude.name];
  const places = [layer.longitude.name, layer.latitude.name];
  return layer.node.variables.filter(
    (variable) =>
      /^(u?int|float)/.test(variable.type) &&
      variable.labels == null &&
      variable.tick == null &&
      !places.includes(variable.name) &&
      needed.every((name) => variable.dimensions.includes(name)),
  );
}

/** Coordinates of a variable beyond place and time, one value of which is shown. */
export function furtherCoordinates(layer: Layer, variable: VariableTree): CoordinateTree[] {
  const shown = layer.kind === "stations" ? [layer.along.name] : [layer.longitude.name, layer.latitude.name];
  return layer.node.coordinates.filter(({ name }) => variable.dimensions.includes(name) && !shown.includes(name) && name !== layer.time?.name);
}

/** A name, or nothing if the coordinate's own values are numbers that stand for a place. */
function labelOf(node: NodeTree, along: CoordinateTree): string | undefined {
  if (isText(along)) return along.name;
  const texts = node.variables.filter((variable) => isText(variable) && variable.dimensions.length === 1 && variable.dimensions[0] === along.name);
  const named = texts.find(({ name }) => /name|location|station|place|site|title/i.test(name)) ?? texts[0];
  if (named !== undefined) return named.name;
  return (along.composed?.length ?? 0) > 0 || isPlace(along) ? undefined : along.name;
}

const isText = ({ type }: VariableTree): boolean => type.startsWith("str");
const isPlace = (array: VariableTree): boolean => isNamed(array, ["longitude", "lon", "lng"]) || isNamed(array, ["latitude", "lat"]);

function isNamed(array: VariableTree, names: string[]): boolean {
  const standard = (array.attributes as Record<string, unknown>).standard_name;
  return /^float/.test(array.type) && (standard === names[0] || names.includes(array.name.toLowerCase()));
}
