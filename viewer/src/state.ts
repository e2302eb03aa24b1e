/**
 * What is shown, as far as a link restores it. It lives in the query string of the page's address, so that every view
 * can be copied, bookmarked and sent.
 */

export const VIEWS = ["datasets", "map", "series", "fields", "contributions", "collectors", "upload"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface State {
  view: ViewName;
  /** Name of a dataset; empty: none chosen. */
  dataset: string;
  /** Path of a node; empty: the root, or none chosen. */
  node: string;
  /** Variables shown, in order. */
  variables: string[];
  /** Chosen values of coordinates that are not shown along an axis; a coordinate that is absent is not restricted. */
  selected: Record<string, string[]>;
  /** The window of time, ISO 8601 in UTC; absent: all. */
  from?: string;
  to?: string;
  /** Units chosen for variables, where not those of the schema. */
  units: Record<string, string>;
  /** What one view alone needs: a zoom, a chosen tab, an opened contribution. */
  more: Record<string, string>;
}

export const START: State = { view: "datasets", dataset: "", node: "", variables: [], selected: {}, units: {}, more: {} };

/** The query string of a state, without `?`; only what differs from the start. */
export function toQuery(state: State): string {
  const query = new URLSearchParams();
  if (state.view !== START.view) query.set("view", state.view);
  if (state.dataset) query.set("dataset", state.dataset);
  if (state.node) query.set("node", state.node);
  if (state.variables.length) query.set("var", joined(state.variables));
  for (const [name, values] of sorted(state.selected)) query.set(`sel.${name}`, joined(values));
  if (state.from !== undefined) query.set("from", state.from);
  if (state.to !== undefined) query.set("to", state.to);
  for (const [name, unit] of sorted(state.units)) query.set(`unit.${name}`, unit);
  for (const [name, value] of sorted(state.more)) query.set(`x.${name}`, value);
  return query.toString();
}

/** The state that a query string tells; what cannot be read is left out. */
export function fromQuery(text: string): State {
  const query = new URLSearchParams(text);
  const view = VIEWS.find((name) => name === query.get("view")) ?? START.view;
  const state: State = {
    view,
    dataset: query.get("dataset") ?? "",
    node: query.get("node") ?? "",
    variables: split(query.get("var") ?? ""),
    selected: {},
    units: {},
    more: {},
  };
  const [from, to] = [query.get("from"), query.get("to")];
  if (from !== null && !Number.isNaN(Date.parse(from))) state.from = from;
  if (to !== null && !Number.isNaN(Date.parse(to))) state.to = to;
  for (const [name, value] of query) {
    if (name.startsWith("sel.")) state.selected[name.slice(4)] = split(value);
    if (name.startsWith("unit.")) state.units[name.slice(5)] = value;
    if (name.startsWith("x.")) state.more[name.slice(2)] = value;
  }
  return state;
}

/** Joined by commas; a comma or backslash inside is marked by a backslash. */
export function joined(values: string[]): string {
  return values.map((value) => value.replace(/[\\,]/g, "\\$&")).join(",");
}

export function split(text: string): string[] {
  if (text === "") return [];
  const values: string[] = [];
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === "\\" && i + 1 < text.length) value += text.charAt(++i);
    else if (c === ",") {
      values.push(value);
      value = "";
    } else value += c;
  }
  return [...values, value];
}

function sorted<T>(record: Record<string, T>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
