/** One node: its line, and opened its coordinates and variables, where to go on, lines to copy. */

import { pathOf, type CoordinateTree, type NodeTree, type VariableTree } from "../api/client";
import { questionPath } from "../api/query";
import { h, put } from "../dom";
import { formatCount, formatNumber, formatTime, formatUnit } from "../format";
import { t, tn } from "../i18n";
import { absolute, agoElement, copyLine, statusText } from "../parts";
import { START, type ViewName } from "../state";
import type { Context } from "../view";
import { drawSpark, isDrawable, representative, timeOf } from "./spark";

const SPARK_EVERY_MS = 5000;
let count = 0;

export interface NodeCard {
  readonly element: HTMLElement;
  readonly key: string;
  /** Shows newer figures in the same places. */
  refresh(node: NodeTree): void;
  open(is: boolean): void;
  isOpen(): boolean;
  /** Draws the small lines, at once or when the last time is long enough ago. */
  sparks(isForced?: boolean): void;
}

export const keyOf = (dataset: string, path: string): string => `${dataset}/${path}`;

export function makeNode(context: Context, dataset: string, first: NodeTree, toggled: (open: boolean) => void): NodeCard {
  let node = first;
  let isOpen = false;
  let drawn = 0;
  const id = `node-${++count}`;
  const body = h("div", { class: "body", id, hidden: true });
  const spark = h("span", { class: "spark" });
  const arrival = h("span", { class: "arrival" });
  const counts = h("span", { class: "counts" });
  const sparks = new Map<string, HTMLElement>();
  const live: (() => void)[] = [];
  const toggle = h(
    "button",
    { type: "button", class: "quiet toggle", "aria-expanded": "false", "aria-controls": id, onclick: () => turn() },
    h("span", { class: "chevron", "aria-hidden": "true" }),
    h("span", { class: "path" }, node.path === "" ? dataset : node.path),
  );
  const line = h("div", { class: "line" }, toggle, h("p", { class: "muted clip about", title: textOf(node, "description") }, textOf(node, "description")), spark, arrival, counts);
  const element = h("article", { class: "node", "aria-label": keyOf(dataset, node.path) }, h("h3", { class: "visually-hidden" }, keyOf(dataset, node.path)), line, body);

  function turn(): void {
    card.open(!isOpen);
    toggled(isOpen);
  }

  const card: NodeCard = {
    element,
    key: keyOf(dataset, node.path),
    refresh(newer) {
      node = newer;
      put(arrival, node.last_arrival ? agoElement(node.last_arrival, context.zone()) : h("span", { class: "muted" }, t("datasets_nothing_yet")));
      put(counts, ...countLinks(context, dataset, node));
      for (const update of live) update();
    },
    open(is) {
      isOpen = is;
      toggle.setAttribute("aria-expanded", String(is));
      body.hidden = !is;
      if (is && body.childElementCount === 0) {
        put(body, ...content());
        drawVariables();
      }
    },
    isOpen: () => isOpen,
    sparks(isForced = false) {
      if (!isForced && Date.now() - drawn < SPARK_EVERY_MS) return;
      drawn = Date.now();
      const stands = representative(node);
      if (stands !== undefined) void drawSpark(spark, context, dataset, node, stands);
      if (isOpen) drawVariables();
    },
  };

  function drawVariables(): void {
    for (const variable of node.variables) {
      const place = sparks.get(variable.name);
      if (place !== undefined) void drawSpark(place, context, dataset, node, variable);
    }
  }

  /** A cell that follows the newest figures. */
  function cell(text: (node: NodeTree) => string, attributes: Record<string, unknown> = {}): HTMLElement {
    const td = h("td", attributes);
    const update = (): void => {
      const now = text(node);
      if (td.textContent !== now) td.textContent = now;
    };
    update();
    live.push(update);
    return td;
  }

  function content(): HTMLElement[] {
    const go = (view: ViewName, text: string): HTMLElement =>
      h("a", { class: "button", href: context.link({ ...START, from: undefined, to: undefined, view, dataset, node: node.path }) }, text);
    const links = h(
      "div",
      { class: "row" },
      go("map", t("map")),
      go("series", t("series")),
      go("fields", t("fields")),
      go("contributions", t("contributions")),
      go("upload", t("upload")),
    );
    return [links, coordinates(), variables(), lines(dataset, node)];
  }

  function coordinates(): HTMLElement {
    const rows = node.coordinates.map((coordinate, at) => {
      const now = (node: NodeTree): CoordinateTree => node.coordinates[at] ?? coordinate;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, coordinate.name),
        h("td", {}, coordinate.description ?? ""),
        h("td", {}, typeOf(coordinate)),
        cell((node) => formatCount(now(node).length), { class: "num" }),
        cell((node) => extent(now(node), context.zone()), { class: "num left" }),
      );
    });
    return table(t("datasets_coordinates"), [t("datasets_name"), t("datasets_description"), t("datasets_type"), t("datasets_length"), t("datasets_extent")], rows, [3]);
  }

  function variables(): HTMLElement {
    const rows = node.variables.map((variable, at) => {
      const place = h("span", { class: "spark" });
      if (isDrawable(node, variable)) sparks.set(variable.name, place);
      const href = context.link({ ...START, from: undefined, to: undefined, view: "series", dataset, node: node.path, variables: [variable.name] });
      const name = isDrawable(node, variable) ? h("a", { href }, variable.name) : variable.name;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, variable.description ?? ""),
        h("td", { class: "nowrap" }, formatUnit(context.unit(variable))),
        h("td", {}, typeOf(variable)),
        cell((node) => shape(node.variables[at] ?? variable), { class: "num left" }),
        h("td", {}, sparks.has(variable.name) ? place : null),
      );
    });
    const head = [t("datasets_name"), t("datasets_description"), t("datasets_unit"), t("datasets_type"), t("datasets_shape"), t("datasets_course")];
    return table(t("datasets_variables"), head, rows);
  }

  card.refresh(first);
  return card;
}

function table(caption: string, head: string[], rows: HTMLElement[], right: number[] = []): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "data" },
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, ...head.map((text, at) => h("th", { scope: "col", class: right.includes(at) ? "num" : undefined }, text)))),
      h("tbody", {}, ...rows),
    ),
  );
}

function countLinks(context: Context, dataset: string, node: NodeTree): HTMLElement[] {
  return Object.entries(node.contributions)
    .filter(([, n]) => n > 0)
    .map(([status, n]) => {
      const href = context.link({ ...START, from: undefined, to: undefined, view: "contributions", dataset, node: node.path, more: { status } });
      return h("a", { href, class: `count ${status}`, title: tn("datasets_counted", n, { status: statusText(status) }) }, `${formatCount(n)} ${statusText(status)}`);
    });
}

/** What a person runs elsewhere to have the same values. */
function lines(dataset: string, node: NodeTree): HTMLElement {
  const store = absolute(pathOf("zarr", dataset));
  const group = node.path === "" ? "" : `, group=${JSON.stringify(node.path)}`;
  const variable = representative(node)?.name ?? node.variables[0]?.name;
  const question = absolute(questionPath({ dataset, node: node.path, ...(variable === undefined ? {} : { variables: [variable] }), more: { limit: 100 } }, "csv"));
  const line = (label: string, text: string): HTMLElement => h("div", { class: "with-label" }, h("span", { class: "muted small" }, label), copyLine(text, label));
  return h(
    "div",
    { class: "stack lines" },
    // The present state, in which every value keeps its place although late ones come.
    line("xarray", `xarray.open_zarr(urllib.request.urlopen("${store}@now").url${group})`),
    line("curl", `curl '${question}'`),
    line("Zarr", store),
  );
}

function extent(coordinate: CoordinateTree, zone: string): string {
  if (coordinate.composed?.length) return coordinate.composed.join(" × ");
  const [from, to] = (coordinate.extent ?? []) as unknown[];
  if (from === undefined || to === undefined) return "–";
  if (coordinate.tick) {
    const precision = coordinate.tick === "D" ? "day" : ["h", "m"].includes(coordinate.tick) ? "minute" : "second";
    return `${formatTime(textOfValue(from), zone, precision)} … ${formatTime(textOfValue(to), zone, precision)}`;
  }
  if (typeof from === "number" && typeof to === "number") return `${formatNumber(from)} … ${formatNumber(to)} ${formatUnit(coordinate.unit)}`.trim();
  return `${textOfValue(from)} … ${textOfValue(to)}`;
}

const textOfValue = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function shape({ dimensions, shape }: VariableTree): string {
  return dimensions.length === 0 ? "–" : dimensions.map((name, at) => `${name} ${formatCount(shape[at] ?? 0)}`).join(" × ");
}

function typeOf(variable: VariableTree): string {
  if (variable.labels?.length) return variable.labels.join(", ");
  return variable.tick ? t("datasets_time") : variable.type;
}

function textOf(node: NodeTree, attribute: string): string {
  const value = (node.attributes as Record<string, unknown>)[attribute];
  return typeof value === "string" ? value : "";
}

/** All texts by which a node is found. */
export function wordsOf(dataset: string, title: string, node: NodeTree): string {
  const names = [...node.coordinates, ...node.variables].flatMap(({ name, description, unit }) => [name, description ?? "", unit ?? "", formatUnit(unit)]);
  return [dataset, title, node.path, textOf(node, "title"), textOf(node, "description"), timeOf(node) ?? "", ...names].join("\n").toLowerCase();
}
