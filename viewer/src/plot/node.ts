/** What of a node can be plotted, and along which coordinates. */

import type { CoordinateTree, NodeTree, Tree, VariableTree } from "../api/client";
import { formatUnit } from "../format";
import { type Question, ask, quoted } from "../api/query";
import type { Window } from "./window";

export const timeOf = (node: NodeTree): CoordinateTree | undefined => node.coordinates.find((c) => c.tick != null && c.sorted);

const NUMBER = /^(u?int|float)(8|16|32|64)$/;

export const isNumber = (v: VariableTree): boolean => NUMBER.test(v.type) && v.labels == null && v.tick == null;

/** Numbers that change with time. */
export function plottable(node: NodeTree): VariableTree[] {
  const time = timeOf(node)?.name;
  return time === undefined ? [] : node.variables.filter((v) => isNumber(v) && v.dimensions.includes(time));
}

export const coordinate = (node: NodeTree, name: string): CoordinateTree | undefined => node.coordinates.find((c) => c.name === name);

/** Coordinates other than time that variables lie along, in the order of the node. */
export function othersOf(node: NodeTree, variables: VariableTree[]): CoordinateTree[] {
  const time = timeOf(node)?.name;
  return node.coordinates.filter((c) => c.name !== time && variables.some((v) => v.dimensions.includes(c.name)));
}

export function findNode(tree: Tree, path: string): NodeTree | undefined {
  return tree.nodes.find((node) => node.path === path) ?? (path === "" ? tree.nodes.find((node) => plottable(node).length > 0) : undefined);
}

/** First and last time of a node, in seconds; nothing while it is empty. */
export function extentOf(node: NodeTree): Window | undefined {
  const extent = timeOf(node)?.extent as unknown as string[] | null | undefined;
  const [from, to] = (extent ?? []).map((text) => Date.parse(text) / 1000);
  return from === undefined || to === undefined || Number.isNaN(from + to) ? undefined : { from, to };
}

/** One value of a coordinate other than time. */
export interface Choice {
  /** How it is told in links and in answers: the value, or those it is composed of, joined by commas. */
  key: string;
  /** How people read it. */
  label: string;
  /** Position in the coordinate. */
  index: number;
}

/** Most values of a coordinate that are offered. */
export const MAX_CHOICES = 5000;

/** Names of the columns that tell a coordinate's value in an answer. */
export const columnsOf = (c: CoordinateTree): string[] => (c.composed?.length ? c.composed : [c.name]);

/** The values of a coordinate. */
export async function choices(dataset: string, node: NodeTree, c: CoordinateTree, signal?: AbortSignal): Promise<Choice[]> {
  const names = node.variables.find((v) => v.type === "str" && v.dimensions.length === 1 && v.dimensions[0] === c.name);
  const columns = columnsOf(c);
  const variables = [...new Set([...columns, ...(names === undefined ? [] : [names.name])])];
  const answer = await ask({ dataset, node: node.path, variables, more: { limit: MAX_CHOICES, na: "keep" } }, signal);
  return Array.from({ length: answer.n }, (_, index) => {
    const values = columns.map((column) => answer.cells.get(column)?.[index] ?? "");
    const key = values.join(",");
    const name = names === undefined ? "" : (answer.cells.get(names.name)?.[index] ?? "");
    const unit = c.unit == null || columns.length > 1 ? "" : ` ${formatUnit(c.unit)}`;
    return { key, index, label: name === "" ? columns.length > 1 ? values.join(", ") : `${shortNumber(key)}${unit}` : name };
  });
}

/** `1.0` as `1`; other texts as they are. */
const shortNumber = (text: string): string => (/^-?\d+\.\d+$/.test(text) ? String(Number(text)).replace("-", "−") : text);

/** The selectors of chosen values; those of a composed coordinate are told by their positions, for values may share parts. */
export function selectors(c: CoordinateTree, chosen: Choice[]): Record<string, string> {
  if (c.composed?.length) return { [`isel.${c.name}`]: chosen.map((choice) => choice.index).join(",") };
  return { [`sel.${c.name}`]: chosen.map((choice) => quoted(choice.key)).join(",") };
}

/** Puts selectors into a question. */
export function narrow(question: Question, selectorsOf: Record<string, string>): void {
  for (const [name, text] of Object.entries(selectorsOf)) {
    if (name.startsWith("sel.")) (question.select ??= {})[name.slice(4)] = text;
    else (question.more ??= {})[name] = text;
  }
}

/** Seconds of a tick of times. */
export const tickSeconds = (c: CoordinateTree | undefined): number =>
  ({ D: 86_400, h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9 })[c?.tick ?? "s"] ?? 1;
