/** Small lines that show what a variable did: one of its series, from its beginning to its end. */

import { ask, numbers, seconds } from "../api/query";
import type { NodeTree, VariableTree } from "../api/client";
import { formatNumber, formatTime, formatUnit } from "../format";
import { t } from "../i18n";
import type { Context } from "../view";

const [WIDTH, HEIGHT] = [120, 26];
const MAX_POINTS = 60;
const MAX_AT_ONCE = 3;

/** The coordinate along which a node grows in time, if there is one. */
export const timeOf = (node: NodeTree): string | undefined => node.coordinates.find(({ tick }) => Boolean(tick))?.name;

/** Whether one of a variable's series can be drawn. */
export function isDrawable(node: NodeTree, variable: VariableTree): boolean {
  const time = timeOf(node);
  return time !== undefined && variable.dimensions.includes(time) && /^(u?int|float)/.test(variable.type) && !variable.labels;
}

/** The variable that stands for a node: the first that has most dimensions. */
export function representative(node: NodeTree): VariableTree | undefined {
  const drawable = node.variables.filter((variable) => isDrawable(node, variable));
  return drawable.sort((a, b) => b.dimensions.length - a.dimensions.length)[0];
}

/** Draws the series of a variable into `place`; a place that is no longer in the page is left alone. */
export async function drawSpark(place: HTMLElement, context: Context, dataset: string, node: NodeTree, variable: VariableTree): Promise<void> {
  // Nothing has arrived yet.
  if (variable.shape.includes(0)) return;
  await turn();
  try {
    if (!place.isConnected) return;
    const time = timeOf(node) ?? "";
    const others = variable.dimensions.filter((name) => name !== time);
    const unit = context.unit(variable);
    const answer = await ask({
      dataset,
      node: node.path,
      variables: [variable.name],
      ...(unit !== undefined && unit !== variable.unit ? { units: { [variable.name]: unit } } : {}),
      more: { ...Object.fromEntries(others.map((name) => [`isel.${name}`, 0])), max_points: MAX_POINTS },
    });
    draw(place, seconds(answer.cells.get(time)), numbers(answer.cells.get(variable.name)), variable.name, unit, context.zone());
  } catch {
    // A line that is missing says no less than an error in its place; the view itself tells what is wrong.
  } finally {
    done();
  }
}

function draw(place: HTMLElement, times: Float64Array, values: Float64Array, name: string, unit: string | undefined, zone: string): void {
  const at = [...times.keys()].filter((i) => Number.isFinite(times[i]) && Number.isFinite(values[i]));
  if (at.length < 2) return;
  const value = (i: number): number => values[i] ?? 0;
  const [low, high] = [Math.min(...at.map(value)), Math.max(...at.map(value))];
  const [first = 0, last = 0] = [times[at[0] ?? 0], times[at.at(-1) ?? 0]];
  const points = at.map((i) => {
    const x = 1 + (((times[i] ?? 0) - first) / (last - first || 1)) * (WIDTH - 2);
    const y = HEIGHT - 3 - ((value(i) - low) / (high - low || 1)) * (HEIGHT - 6);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  const range = [low, high] as const;
  const text = t("datasets_spark", {
    name,
    low: formatNumber(low, range),
    high: formatNumber(high, range),
    unit: formatUnit(unit),
    from: formatTime(first * 1000, zone, "day"),
    to: formatTime(last * 1000, zone, "day"),
  });
  svg.setAttribute("aria-label", text);
  const line = document.createElementNS(svg.namespaceURI ?? "", "polyline");
  line.setAttribute("points", points.join(" "));
  const title = document.createElementNS(svg.namespaceURI ?? "", "title");
  title.textContent = text;
  svg.append(title, line);
  place.replaceChildren(svg);
}

let running = 0;
const waiting: (() => void)[] = [];

/** Waits until few other lines are asked for. */
async function turn(): Promise<void> {
  if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
}

function done(): void {
  running--;
  waiting.shift()?.();
}
