/** A quantity along time and a second coordinate as colours, and the profile at the cursor's time beside it. */

import type { NodeTree } from "../api/client";
import { type Question, ask, numbers, seconds } from "../api/query";
import { h, put } from "../dom";
import { formatNumber, formatTime, formatUnit, locale } from "../format";
import { t } from "../i18n";
import { trouble } from "../parts";
import type { Context } from "../view";
import { changeOf, windowOf, without } from "./address";
import { chips } from "./chooser";
import { chipTexts } from "./choices";
import { colourBar } from "./colourbar";
import { gestures, keys } from "./gestures";
import { type Grid, cellAt, extremes, gridOf, resampleStep } from "./grid";
import { type AxisOf, type Frame, across, drawAxes, drawCells, fit, positionAcross, positionUpward, upward } from "./heatmap";
import { axesOf, isDownward, timeName, variablesFor } from "./kinds";
import { titleOf } from "./lines";
import { choicesOf } from "./model";
import { extentOf, narrow, othersOf, selectors, tickSeconds, timeOf } from "./node";
import { type Plot, axisLabel, fixedValues, variableChips, windowBar } from "./parts";
import { iso } from "./scale";
import { colour } from "./theme";
import { type Fetched, type Window, around, kept, serves, width } from "./window";

const HEIGHT = 420;
const PROFILE_WIDTH = 230;
/** CSS pixels of one column at least. */
const COLUMN_PX = 2;
const PAUSE_MS = 90;

export async function makeHeat(side: HTMLElement, place: HTMLElement, context: Context, first: NodeTree): Promise<Plot> {
  let node = first;
  const { dataset, variables: named, more } = context.state();
  const offered = variablesFor("heat", node);
  const variable = offered.find((v) => named.includes(v.name)) ?? offered[0];
  const axes = variable === undefined ? [] : axesOf(node, variable);
  const axis = axes.find((c) => c.name === more.y) ?? axes.at(-1);
  if (variable === undefined || axis === undefined) throw new Error(t("fields_not_heat"));
  const unit = context.unit(variable);
  const ys = (await choicesOf(dataset, node, axis)).map(({ key }) => Number(key));
  const { fixed, chips: fixedChips } = await fixedValues(context, node, othersOf(node, [variable]).filter((c) => c !== axis));
  const title = [titleOf(variable), ...fixed.map(({ choice }) => choice.label)].join(" · ");
  put(
    side,
    variableChips(t("fields_quantity"), offered, variable, (name) => context.go({ variables: [name] })),
    axes.length > 1 &&
      chips({ title: t("fields_along"), single: true, options: axes.map((c) => ({ key: c.name, label: axisLabel(c) })), chosen: [axis.name], texts: chipTexts(), changed: ([y]) => context.go({ more: { ...context.state().more, y: y ?? axis.name } }) }),
    ...fixedChips,
  );

  const canvas = h("canvas", { class: "heat" });
  const cursorLine = h("div", { class: "cursor-line", hidden: true });
  const over = h("div", { class: "over" });
  const stage = h("div", { class: "stage", tabIndex: 0, role: "group", "aria-roledescription": "plot", "aria-label": t("fields_heat_label", { title }) }, canvas, over, cursorLine);
  const profile = h("canvas", { class: "profile", role: "img" });
  const bar = windowBar(context);
  const legend = h("div");
  const step = h("span", { class: "muted small" });
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const problem = h("div");
  put(
    place,
    h("div", { class: "panel pad stack" }, bar.element, h("div", { class: "row plots-title" }, h("h2", { class: "grow" }, title), step), problem, h("div", { class: "heat-row" }, stage, profile), legend, readout),
  );

  let extent = extentOf(node) ?? { from: 0, to: 1 };
  let window: Window = windowOf(context.state(), extent);
  let fetched: (Fetched<Grid> & { name: string }) | undefined;
  let cursor: number | undefined;
  let pinned = more.at === undefined ? undefined : Date.parse(more.at) / 1000;
  let range: [number, number] = [0, 1];
  let frame: Frame = { left: 58, top: 28, width: 100, height: HEIGHT - 78 };
  const tick = tickSeconds(timeOf(node));

  const yAxis = (): AxisOf => {
    const edges = extremes(fetched?.data.yEdges ?? []) ?? [0, 1];
    return { from: edges[isDownward(axis) ? 1 : 0], to: edges[isDownward(axis) ? 0 : 1], label: axisLabel(axis) };
  };
  const xAxis = (): AxisOf => ({ from: window.from, to: window.to, label: "", zone: context.zone(), locale: locale() });

  function question(asked: Window, name: string | undefined): Question {
    const q: Question = { dataset, node: node.path, variables: [variable?.name ?? ""], select: { [timeName(node)]: `${iso(asked.from)}/${iso(asked.to)}` } };
    if (name !== undefined) q.more = { resample: name, agg: "mean" };
    for (const { coordinate, choice } of fixed) narrow(q, selectors(coordinate, [choice]));
    if (unit !== undefined && unit !== variable?.unit) q.units = { [variable?.name ?? ""]: unit };
    return q;
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pending: AbortController | undefined;
  const stepOf = (): { name: string; seconds: number } => resampleStep(width(window), Math.max(20, frame.width / COLUMN_PX));
  function want(): void {
    const { seconds: length } = stepOf();
    clearTimeout(timer);
    if (fetched !== undefined && serves(fetched, window, length, extent) && fetched.step > length / 4) return;
    timer = setTimeout(() => void load().catch(failed), fetched === undefined ? 0 : PAUSE_MS);
  }
  async function load(): Promise<void> {
    const { name, seconds: length } = stepOf();
    const asked = around(window, extent);
    pending?.abort();
    const mine = (pending = new AbortController());
    const isRaw = length <= tick;
    const answer = await ask(question(asked, isRaw ? undefined : name), mine.signal);
    const column = [...answer.names].reverse().find((n) => n === variable?.name || n.startsWith(variable?.name ?? "")) ?? "";
    const grid = gridOf(seconds(answer.cells.get(timeName(node))), numbers(answer.cells.get(axis?.name ?? "")), numbers(answer.cells.get(column)), { step: isRaw ? tick : length, y: ys });
    fetched = { window: asked, step: isRaw ? Math.max(length, tick) : length, data: grid, name: isRaw ? "" : name };
    put(problem);
    put(step, isRaw ? t("fields_every_value") : t("fields_means", { step: name }));
    draw();
  }
  const failed = (error: unknown): void => {
    if (error instanceof DOMException && error.name === "AbortError") return;
    put(problem, trouble(error, () => void load().catch(failed)));
  };

  function draw(): void {
    const wide = Math.max(240, stage.clientWidth);
    const context2d = fit(canvas, wide, HEIGHT);
    frame = { left: 58, top: 28, width: wide - 58 - 12, height: HEIGHT - 78 };
    Object.assign(over.style, { left: `${frame.left}px`, top: `${frame.top}px`, width: `${frame.width}px`, height: `${frame.height}px` });
    context2d.clearRect(0, 0, wide, HEIGHT);
    if (fetched !== undefined) {
      const grid = fetched.data;
      const seen = grid.values.filter((_, i) => {
        const column = i % grid.x.length;
        return (grid.xEdges[2 * column + 1] ?? 0) > window.from && (grid.xEdges[2 * column] ?? 0) < window.to;
      });
      range = extremes(seen) ?? range;
      drawAxes(context2d, frame, xAxis(), yAxis(), true);
      drawCells(context2d, frame, grid, xAxis(), yAxis(), range);
      put(legend, colourBar(range, [titleOf(variable ?? { name: "" } as never), formatUnit(unit)].filter(Boolean).join(", ")));
    }
    stage.dataset.drawn = String(Number(stage.dataset.drawn ?? 0) + 1);
    stage.dataset.range = range.join("/");
    drawProfile();
  }
  function drawProfile(): void {
    const grid = fetched?.data;
    const time = cursor ?? pinned ?? window.to;
    const at = across(xAxis(), frame, time);
    const isInside = (cursor ?? pinned) !== undefined && at >= frame.left && at <= frame.left + frame.width;
    cursorLine.hidden = !isInside;
    Object.assign(cursorLine.style, { left: `${at}px`, top: `${frame.top}px`, height: `${frame.height}px` });
    const wide = matchMedia("(max-width: 760px)").matches ? Math.max(200, stage.clientWidth) : PROFILE_WIDTH;
    const c = fit(profile, wide, HEIGHT);
    c.clearRect(0, 0, wide, HEIGHT);
    if (grid === undefined || grid.x.length === 0) return;
    let column = cellAt(grid.xEdges, time);
    if (column < 0 && cursor === undefined && pinned === undefined) column = grid.x.length - 1;
    const area: Frame = { left: 48, top: 28, width: wide - 60, height: HEIGHT - 78 };
    const margin = (range[1] - range[0]) * 0.04 || 0.5;
    const x: AxisOf = { from: range[0] - margin, to: range[1] + margin, label: formatUnit(unit) };
    drawAxes(c, area, x, { ...yAxis(), label: "" }, true);
    const label = t("fields_profile", { time: formatTime((column < 0 ? time : (grid.x[column] ?? time)) * 1000, context.zone(), "minute") });
    profile.setAttribute("aria-label", label);
    c.fillStyle = colour("--text");
    c.textAlign = "left";
    c.textBaseline = "top";
    c.font = "600 12px system-ui, sans-serif";
    c.fillText(label, 8, 6);
    if (column < 0) return;
    c.strokeStyle = c.fillStyle = colour("--accent");
    c.lineWidth = 2;
    c.beginPath();
    let isDown = false;
    const dots: [number, number][] = [];
    grid.y.forEach((y, j) => {
      const value = grid.values[j * grid.x.length + column] ?? NaN;
      if (Number.isNaN(value)) {
        isDown = false;
        return;
      }
      const place: [number, number] = [across(x, area, value), upward(yAxis(), area, y)];
      if (isDown) c.lineTo(...place);
      else c.moveTo(...place);
      isDown = true;
      dots.push(place);
    });
    c.stroke();
    for (const [px, py] of dots) {
      c.beginPath();
      c.arc(px, py, 3, 0, 2 * Math.PI);
      c.fill();
    }
  }

  function pointed(px: number, py: number): void {
    const grid = fetched?.data;
    cursor = positionAcross(xAxis(), frame, px + frame.left);
    drawProfile();
    if (grid === undefined) return;
    const [i, j] = [cellAt(grid.xEdges, cursor), cellAt(grid.yEdges, positionUpward(yAxis(), frame, py + frame.top))];
    const value = i < 0 || j < 0 ? NaN : (grid.values[j * grid.x.length + i] ?? NaN);
    const where = j < 0 ? "" : `${formatNumber(grid.y[j] ?? NaN)} ${formatUnit(axis?.unit)}`;
    put(
      readout,
      h("strong", { class: "num" }, formatTime((i < 0 ? cursor : (grid.x[i] ?? cursor)) * 1000, context.zone())),
      h("span", { class: "num" }, where),
      h("span", { class: "num value" }, Number.isNaN(value) ? t("fields_no_value") : `${formatNumber(value)} ${formatUnit(unit)}`),
    );
  }
  over.addEventListener("pointermove", (event) => pointed(event.offsetX, event.offsetY));
  over.addEventListener("pointerleave", () => {
    cursor = undefined;
    put(readout, h("span", { class: "muted" }, t("fields_cursor")));
    drawProfile();
  });
  put(readout, h("span", { class: "muted" }, t("fields_cursor")));
  let pause: ReturnType<typeof setTimeout> | undefined;
  const moved = (to: Window, ended: boolean): void => {
    window = kept(to, extent);
    bar.show(context.state(), window);
    draw();
    want();
    clearTimeout(pause);
    const stays = window;
    if (ended) pause = setTimeout(() => context.go(changeOf(context.state(), extent, stays), "replace"), 200);
  };
  const reset = (): void => context.go({ from: undefined, to: undefined, more: without(context.state().more, "span") });
  const pin = (): void => {
    if (cursor === undefined) return;
    pinned = cursor;
    context.go({ more: { ...context.state().more, at: iso(Math.round(cursor)) } }, "replace");
  };
  gestures(over, () => window, moved, () => undefined, pin);
  over.addEventListener("dblclick", reset);
  keys(stage, () => window, moved, reset, (by) => {
    const at = across(xAxis(), frame, cursor ?? pinned ?? (window.from + window.to) / 2) - frame.left + by;
    pointed(Math.max(0, Math.min(frame.width, at)), frame.height / 2);
  }, pin);
  const resized = new ResizeObserver(() => {
    draw();
    want();
  });
  resized.observe(stage);
  bar.show(context.state(), window);
  return {
    show(state) {
      window = windowOf(state, extent);
      bar.show(state, window);
      draw();
      want();
    },
    async arrived(next) {
      node = next;
      extent = extentOf(next) ?? extent;
      window = windowOf(context.state(), extent);
      bar.show(context.state(), window);
      await load().catch(failed);
    },
    redraw: () => {
      bar.show(context.state(), window);
      draw();
    },
    destroy() {
      clearTimeout(timer);
      clearTimeout(pause);
      pending?.abort();
      resized.disconnect();
    },
  };
}
