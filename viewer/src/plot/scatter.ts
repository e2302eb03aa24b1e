/** Two quantities at the same coordinates: their pairs, the line of least squares, Pearson's correlation. */

import type { NodeTree } from "../api/client";
import { type Question, ask, numbers } from "../api/query";
import { SERIES } from "../colours";
import { h, put } from "../dom";
import { formatCount, formatNumber, formatUnit } from "../format";
import { t } from "../i18n";
import { trouble } from "../parts";
import type { Context } from "../view";
import { windowOf } from "./address";
import { type Regression, regression } from "./correlation";
import { extremes, resampleStep } from "./grid";
import { type AxisOf, type Frame, across, drawAxes, fit, upward } from "./heatmap";
import { timeName, variablesFor } from "./kinds";
import { titleOf } from "./lines";
import { extentOf, narrow, othersOf, selectors } from "./node";
import { type Plot, fixedValues, variableChips, windowBar } from "./parts";
import { iso } from "./scale";
import { width } from "./window";

/** Pairs that are drawn one by one; of longer windows means are compared. */
const MAX_PAIRS = 20_000;
const MAX_MEANS = 3000;
const HEIGHT = 460;

export async function makeScatter(side: HTMLElement, place: HTMLElement, context: Context, first: NodeTree): Promise<Plot> {
  let node = first;
  const { dataset, variables: named } = context.state();
  const offered = variablesFor("scatter", node);
  const chosen = named.flatMap((name) => offered.filter((v) => v.name === name));
  const x = chosen[0] ?? offered[0];
  const y = chosen[1] ?? offered.find((v) => v !== x);
  if (x === undefined || y === undefined) throw new Error(t("fields_not_scatter"));
  const { fixed, chips } = await fixedValues(context, node, othersOf(node, [x, y]));
  const label = (v: typeof x): string => [titleOf(v), formatUnit(context.unit(v))].filter(Boolean).join(", ");
  const heading = [t("fields_scatter_label", { x: titleOf(x), y: titleOf(y) }), ...fixed.map(({ choice }) => choice.label)].join(" · ");
  put(
    side,
    variableChips(t("fields_x"), offered.filter((v) => v !== y), x, (name) => context.go({ variables: [name, y.name] })),
    variableChips(t("fields_y"), offered.filter((v) => v !== x), y, (name) => context.go({ variables: [x.name, name] })),
    ...chips,
  );
  const canvas = h("canvas", { class: "scatter", role: "img", "aria-label": heading });
  const stage = h("div", { class: "stage" }, canvas);
  const bar = windowBar(context);
  const facts = h("dl", { class: "facts correlation" });
  const step = h("span", { class: "muted small" });
  const problem = h("div");
  put(place, h("div", { class: "panel pad stack" }, bar.element, h("div", { class: "row plots-title" }, h("h2", { class: "grow" }, heading), step), problem, stage, facts));

  let extent = extentOf(node) ?? { from: 0, to: 1 };
  let pairs: { x: Float64Array; y: Float64Array } | undefined;
  let found: Regression | undefined;
  let pending: AbortController | undefined;

  async function load(): Promise<void> {
    pending?.abort();
    const mine = (pending = new AbortController());
    const window = windowOf(context.state(), extent);
    bar.show(context.state(), window);
    const q: Question = { dataset, node: node.path, variables: [x?.name ?? "", y?.name ?? ""], select: { [timeName(node)]: `${iso(window.from)}/${iso(window.to)}` }, units: {} };
    for (const { coordinate, choice } of fixed) narrow(q, selectors(coordinate, [choice]));
    for (const v of [x, y]) {
      const unit = v === undefined ? undefined : context.unit(v);
      if (v !== undefined && unit !== undefined && unit !== v.unit) (q.units ??= {})[v.name] = unit;
    }
    let answer = await ask({ ...q, more: { ...q.more, limit: MAX_PAIRS + 1 } }, mine.signal);
    let means: string | undefined;
    if (answer.n > MAX_PAIRS) {
      means = resampleStep(width(window), MAX_MEANS).name;
      answer = await ask({ ...q, more: { ...q.more, resample: means, agg: "mean" } }, mine.signal);
    }
    const column = (name: string): Float64Array => numbers(answer.cells.get(name) ?? answer.cells.get(answer.names.find((n) => n.startsWith(name)) ?? ""));
    const [a, b] = [column(x?.name ?? ""), column(y?.name ?? "")];
    const both = Array.from(a.keys()).filter((i) => !Number.isNaN(a[i] ?? NaN) && !Number.isNaN(b[i] ?? NaN));
    pairs = { x: Float64Array.from(both, (i) => a[i] ?? NaN), y: Float64Array.from(both, (i) => b[i] ?? NaN) };
    found = regression(pairs.x, pairs.y);
    put(step, means === undefined ? t("fields_every_value") : t("fields_means", { step: means }));
    put(problem);
    draw();
  }
  const failed = (error: unknown): void => {
    if (error instanceof DOMException && error.name === "AbortError") return;
    put(problem, trouble(error, () => void load().catch(failed)));
  };
  function draw(): void {
    const wide = Math.max(240, stage.clientWidth);
    const c = fit(canvas, wide, HEIGHT);
    c.clearRect(0, 0, wide, HEIGHT);
    if (pairs === undefined || found === undefined) return;
    const [xs, ys] = [extremes(pairs.x), extremes(pairs.y)];
    put(facts);
    if (found.n < 2 || xs === undefined || ys === undefined) {
      put(facts, h("dt", {}, t("fields_n")), h("dd", {}, formatCount(found.n)), h("dt", {}, ""), h("dd", {}, t("fields_too_few")));
      return;
    }
    const frame: Frame = { left: 62, top: 10, width: Math.min(wide - 74, 760), height: HEIGHT - 60 };
    const axis = ([min, max]: [number, number], text: string): AxisOf => {
      const margin = (max - min) * 0.05 || 0.5;
      return { from: min - margin, to: max + margin, label: text };
    };
    const [ax, ay] = [axis(xs, label(x as NonNullable<typeof x>)), axis(ys, label(y as NonNullable<typeof y>))];
    drawAxes(c, frame, ax, ay, true);
    c.fillStyle = SERIES[0];
    c.globalAlpha = Math.max(0.12, Math.min(0.8, 600 / found.n));
    for (let i = 0; i < pairs.x.length; i++) {
      c.beginPath();
      c.arc(across(ax, frame, pairs.x[i] ?? 0), upward(ay, frame, pairs.y[i] ?? 0), 2.5, 0, 2 * Math.PI);
      c.fill();
    }
    c.globalAlpha = 1;
    const { slope, intercept, r, n } = found;
    if (Number.isFinite(slope)) {
      c.save();
      c.beginPath();
      c.rect(frame.left, frame.top, frame.width, frame.height);
      c.clip();
      c.strokeStyle = SERIES[1];
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(across(ax, frame, ax.from), upward(ay, frame, intercept + slope * ax.from));
      c.lineTo(across(ax, frame, ax.to), upward(ay, frame, intercept + slope * ax.to));
      c.stroke();
      c.restore();
    }
    const formula = Number.isFinite(slope) ? `y = ${formatNumber(intercept)} ${slope < 0 ? "−" : "+"} ${formatNumber(Math.abs(slope))} · x` : "–";
    const row = (name: string, value: string): HTMLElement[] => [h("dt", {}, name), h("dd", { class: "num" }, value)];
    put(facts, ...row(t("fields_n"), formatCount(n)), ...row(t("fields_r"), Number.isFinite(r) ? r.toFixed(4).replace("-", "−") : "–"), ...row(t("fields_line"), formula));
    Object.assign(facts.dataset, { n, r, slope, intercept });
  }
  const resized = new ResizeObserver(() => draw());
  resized.observe(stage);
  void load().catch(failed);
  return {
    show: () => void load().catch(failed),
    async arrived(next) {
      node = next;
      extent = extentOf(next) ?? extent;
      await load().catch(failed);
    },
    redraw: draw,
    destroy() {
      pending?.abort();
      resized.disconnect();
    },
  };
}
