/** Which plots of profiles and fields a node's dimensions allow. */

import type { CoordinateTree, NodeTree, VariableTree } from "../api/client";
import { isNumber, plottable, timeOf } from "./node";

export type Kind = "heat" | "image" | "scatter";
export const KINDS: readonly Kind[] = ["image", "heat", "scatter"];

/** A coordinate of numbers along which values can be placed. */
export const isAxis = (c: CoordinateTree): boolean => isNumber(c) && c.tick == null && !c.composed?.length && c.length > 1;

/** Coordinates of numbers that a variable lies along, in the order of its dimensions. */
export const axesOf = (node: NodeTree, variable: VariableTree): CoordinateTree[] =>
  variable.dimensions.flatMap((name) => node.coordinates.filter((c) => c.name === name && isAxis(c)));

/** Variables that a kind can show. */
export function variablesFor(kind: Kind, node: NodeTree): VariableTree[] {
  if (kind === "heat") return plottable(node).filter((v) => axesOf(node, v).length > 0);
  if (kind === "image") return node.variables.filter((v) => isNumber(v) && axesOf(node, v).length > 1);
  const numbers = plottable(node);
  return numbers.length > 1 ? numbers : [];
}

export const possible = (node: NodeTree): Kind[] => KINDS.filter((kind) => variablesFor(kind, node).length > 0);

/** Coordinates that stand for several at once, such as places by latitude and longitude. */
export const composed = (node: NodeTree): CoordinateTree[] => node.coordinates.filter((c) => c.composed?.length);

/** Which of two coordinates lies across and which upward. */
export function acrossAndUpward(axes: CoordinateTree[]): [CoordinateTree, CoordinateTree] | undefined {
  const isAcross = (c: CoordinateTree): boolean => /^(x|lon|east|col|i$)/i.test(c.name) || /east|longitude/.test(c.unit ?? "");
  const [first, second] = axes.slice(-2);
  if (first === undefined || second === undefined) return undefined;
  return isAcross(first) && !isAcross(second) ? [first, second] : [second, first];
}

/** Whether greater values lie below. */
export function isDownward(c: CoordinateTree): boolean {
  const positive = (c.attributes as Record<string, unknown>).positive;
  return positive === "down" || (positive === undefined && /depth|hloubka|pressure_level/i.test(c.name));
}

export const timeName = (node: NodeTree): string => timeOf(node)?.name ?? "";
