/** What a link asks to see, made out with the tree of its node: variables, values of coordinates, series. */

import type { CoordinateTree, NodeTree, VariableTree } from "../api/client";
import type { State } from "../state";
import type { Context } from "../view";
import { type Chosen, type Group, type Series, groupsOf, titleOf } from "./lines";
import { type Choice, choices, columnsOf, extentOf, findNode, namesOf, othersOf, plottable } from "./node";
import type { Window } from "./window";

/** Most series at once. */
export const MAX_SERIES = 48;
/** Most series where nobody has chosen. */
const MAX_UNASKED = 8;

export interface Other {
  coordinate: CoordinateTree;
  choices: Choice[];
  chosen: Choice[];
}

export interface Model {
  dataset: string;
  node: NodeTree;
  extent: Window;
  /** Numbers that can be plotted over time. */
  offered: VariableTree[];
  variables: VariableTree[];
  others: Other[];
  groups: Group[];
  series: Series[];
  /** Series that were chosen beyond those shown. */
  nLeftOut: number;
  /** Units shown, by variable. */
  units: Record<string, string>;
}

export type Lack = "no_dataset" | "no_node" | "no_time" | "no_values";

/** Values of coordinates that were asked, by dataset, node, coordinate and its length. */
const asked = new Map<string, Promise<Choice[]>>();

export function choicesOf(dataset: string, node: NodeTree, c: CoordinateTree): Promise<Choice[]> {
  const key = [dataset, node.path, c.name, c.length].join("\n");
  let found = asked.get(key);
  if (found === undefined) {
    found = choices(dataset, node, c);
    if (asked.size > 50) asked.clear();
    asked.set(key, found);
    found.catch(() => asked.delete(key));
  }
  return found;
}

/** The node of a state, or what is lacking. */
export async function nodeOf(context: Context, state: State): Promise<NodeTree | Lack> {
  if (state.dataset === "") return "no_dataset";
  const node = findNode(await context.tree(state.dataset), state.node);
  if (node === undefined) return "no_node";
  return node;
}

export async function makeModel(context: Context, state: State): Promise<Model | Lack> {
  const node = await nodeOf(context, state);
  if (typeof node === "string") return node;
  const offered = plottable(node);
  if (offered.length === 0) return "no_time";
  const extent = extentOf(node);
  if (extent === undefined) return "no_values";
  const named = state.variables.flatMap((name) => offered.filter((v) => v.name === name));
  const variables = named.length > 0 ? named : offered.slice(0, 1);
  const others = await Promise.all(
    othersOf(node, variables).map(async (coordinate): Promise<Other> => {
      const all = await choicesOf(state.dataset, node, coordinate);
      return { coordinate, choices: all, chosen: chosenOf(state.selected, coordinate, all, namesOf(node, coordinate)) ?? [] };
    }),
  );
  fill(others);
  const units = Object.fromEntries(variables.flatMap((v): [string, string][] => {
    const unit = context.unit(v);
    return unit === undefined ? [] : [[v.name, unit]];
  }));
  const chosen: Chosen = new Map(others.map((other) => [other.coordinate.name, other.chosen]));
  const groups = groupsOf(node, variables, chosen, units);
  const all = groups.flatMap((group) => group.series);
  // In the order in which variables were chosen, so that axes and colours follow it.
  const order = new Map(variables.map((v, i) => [v, i]));
  const series = all.sort((a, b) => (order.get(a.variable) ?? 0) - (order.get(b.variable) ?? 0)).slice(0, MAX_SERIES);
  for (const group of groups) group.series = group.series.filter((s) => series.includes(s));
  return { dataset: state.dataset, node, extent, offered, variables, others, groups: groups.filter((g) => g.series.length > 0), series, nLeftOut: all.length - series.length, units };
}

/** Whether two texts are the same value: `2` and `2.0` are. */
function same(a: string, b: string): boolean {
  return a === b || (a.trim() !== "" && b.trim() !== "" && Number(a) === Number(b));
}

/** What a link chooses of a coordinate: by its own values, by their names, or by parts of a composed one. */
export function chosenOf(selected: Record<string, string[]>, c: CoordinateTree, all: Choice[], names?: VariableTree): Choice[] | undefined {
  const own = selected[c.name] ?? selected[names?.name ?? ""];
  if (own !== undefined) {
    const found = all.filter(({ key, label }) => own.some((value) => same(value, key) || value === label));
    if (found.length > 0) return found;
  }
  const parts = columnsOf(c).map((name) => (name === c.name || selected[name]?.length === 0 ? undefined : selected[name]));
  if (parts.every((part) => part === undefined)) return undefined;
  const found = all.filter(({ key }) => key.split(",").every((value, i) => parts[i]?.some((part) => same(part, value)) ?? true));
  return found.length > 0 ? found : undefined;
}

/** Where nothing was chosen: all values while those are few series, else the first. */
function fill(others: Other[]): void {
  const open = others.filter(({ chosen }) => chosen.length === 0);
  for (const other of open) other.chosen = other.choices;
  const n = (): number => others.reduce((product, { chosen }) => product * chosen.length, 1);
  for (const other of open) if (n() > MAX_UNASKED) other.chosen = other.choices.slice(0, 1);
}

/** What all series have in common, and what tells each apart. */
export function labels(series: Series[]): { title: string; of: Map<string, string> } {
  const parts = series.map((s) => [titleOf(s.variable), ...s.at.map(({ choice }) => choice.label)]);
  const names = series.map((s) => ["", ...s.at.map(({ coordinate }) => coordinate.name)]);
  const all = [...new Set(names.flat())];
  const part = (i: number, name: string): string | undefined => parts[i]?.[names[i]?.indexOf(name) ?? -1];
  const common = all.filter((name) => series.every((_, i) => part(i, name) === part(0, name)));
  const title = common.map((name) => part(0, name) ?? "").filter(Boolean).join(" · ");
  const of = series.map((s, i): [string, string] => {
    const own = all.filter((name) => !common.includes(name)).map((name) => part(i, name)).filter(Boolean);
    return [s.id, own.join(", ") || (title === "" ? s.label : title)];
  });
  return { title, of: new Map(of) };
}

/** Which panel and axis each series has: two units fit in one panel. */
export function panelsOf(series: Series[]): { units: [string, string?]; series: { series: Series; side: 0 | 1 }[] }[] {
  const units = [...new Set(series.map((s) => s.unit))];
  const panels: ReturnType<typeof panelsOf> = [];
  for (let i = 0; i < units.length; i += 2) {
    const two: [string, string?] = units[i + 1] === undefined ? [units[i] ?? ""] : [units[i] ?? "", units[i + 1] ?? ""];
    panels.push({ units: two, series: series.filter((s) => two.includes(s.unit)).map((s) => ({ series: s, side: s.unit === two[0] ? 0 : 1 })) });
  }
  return panels;
}
