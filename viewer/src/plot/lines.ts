/** Series: which there are for what was chosen, their questions, and their points in an answer. */

import type { CoordinateTree, NodeTree, VariableTree } from "../api/client";
import { type Columns, type Question, ask, numbers, seconds } from "../api/query";
import { formatUnit } from "../format";
import { gapsBefore } from "./gaps";
import { type Choice, columnsOf, narrow, othersOf, selectors, timeOf } from "./node";
import { iso } from "./scale";
import type { Window } from "./window";

/** One line: a variable at one value of each of its other coordinates. */
export interface Series {
  id: string;
  variable: VariableTree;
  /** In the order of the variable's dimensions. */
  at: { coordinate: CoordinateTree; choice: Choice }[];
  unit: string;
  /** The values of the coordinates, or the variable where there are none. */
  label: string;
}

/** Points of a series; times ascend. */
export interface Track {
  times: Float64Array;
  values: Float64Array;
  /** 1 where a gap lies before a point. */
  gaps: Uint8Array;
  /** Values may have been left out between these, see `gaps`. */
  isThinned: boolean;
}

export type Chosen = Map<string, Choice[]>;

/** Series with the same other coordinates, which one question asks. */
export interface Group {
  variables: VariableTree[];
  others: CoordinateTree[];
  series: Series[];
}

export function groupsOf(node: NodeTree, variables: VariableTree[], chosen: Chosen, units: Record<string, string>): Group[] {
  const groups = new Map<string, Group>();
  for (const variable of variables) {
    const others = othersOf(node, [variable]);
    const key = others.map((c) => c.name).join("/");
    const group = groups.get(key) ?? { variables: [], others, series: [] };
    groups.set(key, group);
    group.variables.push(variable);
    let tuples: Series["at"][] = [[]];
    for (const c of others) tuples = tuples.flatMap((tuple) => (chosen.get(c.name) ?? []).map((choice) => [...tuple, { coordinate: c, choice }]));
    for (const at of tuples) {
      const where = at.map(({ choice }) => choice.label).join(", ");
      group.series.push({
        id: [variable.name, ...at.map(({ choice }) => choice.key)].join("|"),
        variable,
        at,
        unit: formatUnit(units[variable.name] ?? variable.unit),
        label: where || titleOf(variable),
      });
    }
  }
  return [...groups.values()].filter((group) => group.series.length > 0);
}

export const titleOf = (variable: VariableTree): string => variable.description ?? variable.name;

/** The question for a group; with `maxPoints` the extremes of each series, else everything. */
export function question(dataset: string, node: NodeTree, group: Group, window: Window | undefined, units: Record<string, string>, maxPoints?: number): Question {
  const asked: Question = { dataset, node: node.path, variables: group.variables.map((v) => v.name), select: {} };
  const time = timeOf(node)?.name;
  if (time !== undefined && window !== undefined) (asked.select ??= {})[time] = `${iso(window.from)}/${iso(window.to)}`;
  for (const c of group.others) {
    const chosen = [...new Map(group.series.flatMap((s) => s.at).filter((at) => at.coordinate === c).map((at) => [at.choice.key, at.choice])).values()];
    narrow(asked, selectors(c, chosen));
  }
  for (const v of group.variables) {
    const unit = units[v.name];
    if (unit !== undefined && unit !== v.unit) (asked.units ??= {})[v.name] = unit;
  }
  if (maxPoints !== undefined) (asked.more ??= {}).max_points = Math.max(2, Math.round(maxPoints));
  return asked;
}

/** The points of all series of a group in an answer in `long` rows. */
export function tracks(answer: Columns, node: NodeTree, group: Group, maxPoints: number): Map<string, Track> {
  const times = seconds(answer.cells.get(timeOf(node)?.name ?? ""));
  const cells = group.others.flatMap((c) => columnsOf(c).map((name) => answer.cells.get(name) ?? []));
  // Rows of each tuple of the other coordinates.
  const rows = new Map<string, number[]>();
  for (let i = 0; i < answer.n; i++) {
    let key = "";
    for (let j = 0; j < cells.length; j++) key += (j > 0 ? "|" : "") + (cells[j]?.[i] ?? "");
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [i]);
    else known.push(i);
  }
  const values = new Map(group.variables.map((v) => [v.name, numbers(answer.cells.get(v.name))]));
  const found = new Map<string, Track>();
  // An answer that is thinned has a time in each of at least a quarter as many buckets, unless there are few values at all.
  const isThinned = new Set(times).size >= maxPoints / 4;
  for (const series of group.series) {
    const key = series.at.map(({ choice }) => choice.key.replaceAll(",", "|")).join("|");
    const column = values.get(series.variable.name);
    const mine = (rows.get(key) ?? []).filter((i) => !Number.isNaN(column?.[i] ?? NaN));
    const at = Float64Array.from(mine, (i) => times[i] ?? NaN);
    found.set(series.id, { times: at, values: Float64Array.from(mine, (i) => column?.[i] ?? NaN), gaps: gapsBefore(at, isThinned), isThinned });
  }
  return found;
}

/** Asks for a window of all groups. */
export async function load(
  dataset: string, node: NodeTree, groups: Group[], window: Window | undefined, units: Record<string, string>, maxPoints: number, signal: AbortSignal,
): Promise<Map<string, Track>> {
  const answers = await Promise.all(
    groups.map(async (group) => tracks(await ask(question(dataset, node, group, window, units, maxPoints), signal), node, group, maxPoints)),
  );
  return new Map(answers.flatMap((answer) => [...answer]));
}

/** Puts newly asked points of a window into those known before. */
export function replaced(known: Track, fresh: Track, window: Window): Track {
  const { times, values } = known;
  const first = times.findIndex((time) => time >= window.from);
  const before = first < 0 ? times.length : first;
  const last = times.findIndex((time) => time > window.to);
  const after = last < 0 ? times.length : last;
  const n = before + fresh.times.length + times.length - after;
  const joined = { times: new Float64Array(n), values: new Float64Array(n) };
  for (const key of ["times", "values"] as const) {
    const from = key === "times" ? times : values;
    joined[key].set(from.subarray(0, before));
    joined[key].set(fresh[key], before);
    joined[key].set(from.subarray(after), before + fresh.times.length);
  }
  const isThinned = known.isThinned || fresh.isThinned;
  return { ...joined, gaps: gapsBefore(joined.times, isThinned), isThinned };
}

/** Place of the point nearest to a time; -1 where there is none. */
export function nearest(times: ArrayLike<number>, time: number): number {
  let [low, high] = [0, times.length - 1];
  if (high < 0) return -1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low > 0 && time - (times[low - 1] ?? 0) <= (times[low] ?? 0) - time ? low - 1 : low;
}

/** Least and greatest value within a window, or nothing. */
export function rangeOf(list: Iterable<Track>, window: Window): [number, number] | undefined {
  let [min, max] = [Infinity, -Infinity];
  for (const { times, values } of list) {
    for (let i = 0; i < times.length; i++) {
      const time = times[i] ?? NaN;
      if (time < window.from || time > window.to) continue;
      const value = values[i] ?? NaN;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return min <= max ? [min, max] : undefined;
}
