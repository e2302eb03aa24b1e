/** A quantity along two coordinates of space as an image, with a slider of time. */

import type { NodeTree } from "../api/client";
import { type Question, ask, numbers, seconds } from "../api/query";
import { h, put } from "../dom";
import { formatNumber, formatTime, formatUnit, zoneLabel } from "../format";
import { t } from "../i18n";
import { trouble } from "../parts";
import type { Context } from "../view";
import { without } from "./address";
import { colourBar } from "./colourbar";
import { type Grid, cellAt, extremes, gridOf } from "./grid";
import { type AxisOf, type Frame, drawAxes, drawCells, fit, positionAcross, positionUpward } from "./heatmap";
import { acrossAndUpward, axesOf, isDownward, variablesFor } from "./kinds";
import { titleOf } from "./lines";
import { choicesOf } from "./model";
import { narrow, othersOf, selectors, timeOf } from "./node";
import { type Plot, axisLabel, fixedValues, variableChips } from "./parts";

/** Cells in one answer; with more, every n-th row and column is asked for. */
const MAX_CELLS = 150_000;
/** Shortest time between two images that play. */
const FRAME_MS = 250;
const MAX_HEIGHT = 560;

interface Shown {
  index: number;
  time: number | undefined;
  grid: Grid;
}

export async function makeImage(side: HTMLElement, place: HTMLElement, context: Context, first: NodeTree): Promise<Plot> {
  let node = first;
  const { dataset, variables: named } = context.state();
  const offered = variablesFor("image", node);
  const variable = offered.find((v) => named.includes(v.name)) ?? offered[0];
  const pair = variable === undefined ? undefined : acrossAndUpward(axesOf(node, variable));
  if (variable === undefined || pair === undefined) throw new Error(t("fields_not_image"));
  const [xc, yc] = pair;
  const unit = context.unit(variable);
  const [xs, ys] = await Promise.all([choicesOf(dataset, node, xc), choicesOf(dataset, node, yc)]);
  const every = Math.max(1, Math.ceil(Math.sqrt((xs.length * ys.length) / MAX_CELLS)));
  const time = timeOf(node);
  const isMoving = time !== undefined && variable.dimensions.includes(time.name);
  const { fixed, chips } = await fixedValues(context, node, othersOf(node, [variable]).filter((c) => c !== xc && c !== yc));
  const title = [titleOf(variable), ...fixed.map(({ choice }) => choice.label)].join(" · ");
  put(side, variableChips(t("fields_quantity"), offered, variable, (name) => context.go({ variables: [name] })), ...chips);

  const canvas = h("canvas", { class: "field", role: "img" });
  const over = h("div", { class: "over" });
  const stage = h("div", { class: "stage" }, canvas, over);
  const legend = h("div");
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const problem = h("div");
  const when = h("output", { class: "num when" });
  const slider = h("input", { type: "range", min: "0", step: "1", "aria-label": t("fields_time"), oninput: () => want(Number(slider.value)), onchange: () => keep() });
  const play = h("button", { type: "button", onclick: () => setPlaying(!isPlaying) }, t("fields_play"));
  const controls = h(
    "div",
    { class: "row" },
    h("button", { type: "button", "aria-label": t("fields_former"), onclick: () => step(-1) }, "‹"),
    play,
    h("button", { type: "button", "aria-label": t("fields_next"), onclick: () => step(1) }, "›"),
    h("div", { class: "grow slider" }, slider),
    when,
  );
  put(place, h("div", { class: "panel pad stack" }, h("h2", {}, title), isMoving && controls, problem, stage, legend, every > 1 && h("p", { class: "muted small" }, t("fields_thinned", { n: every })), readout));

  const nTimes = (): number => (isMoving ? (timeOf(node)?.length ?? 1) : 1);
  const at = context.state().more.index;
  let index = at === undefined ? nTimes() - 1 : Math.min(Math.max(0, Number(at) || 0), nTimes() - 1);
  let isLast = at === undefined;
  let shown: Shown | undefined;
  let range: [number, number] | undefined;
  let frame: Frame = { left: 58, top: 10, width: 100, height: 100 };
  let isPlaying = false;
  let pending: AbortController | undefined;
  let playing: ReturnType<typeof setTimeout> | undefined;

  const some = (n: number): string => Array.from({ length: Math.ceil(n / every) }, (_, i) => i * every).join(",");
  async function load(): Promise<void> {
    pending?.abort();
    const mine = (pending = new AbortController());
    const q: Question = { dataset, node: node.path, variables: [variable?.name ?? ""], more: {} };
    if (isMoving) (q.more ??= {})[`isel.${time.name}`] = index;
    if (every > 1) Object.assign((q.more ??= {}), { [`isel.${xc.name}`]: some(xs.length), [`isel.${yc.name}`]: some(ys.length) });
    for (const { coordinate, choice } of fixed) narrow(q, selectors(coordinate, [choice]));
    if (unit !== undefined && unit !== variable?.unit) q.units = { [variable?.name ?? ""]: unit };
    const asked = index;
    const answer = await ask(q, mine.signal);
    const positions = (all: { key: string }[]): number[] => all.filter((_, i) => i % every === 0).map(({ key }) => Number(key));
    const grid = gridOf(numbers(answer.cells.get(xc.name)), numbers(answer.cells.get(yc.name)), numbers(answer.cells.get(variable?.name ?? "")), { x: positions(xs), y: positions(ys) });
    shown = { index: asked, time: time === undefined ? undefined : seconds(answer.cells.get(time.name))[0], grid };
    // Colours keep their meaning while the image plays: the range only widens.
    const seen = extremes(grid.values);
    if (seen !== undefined) range = range === undefined ? seen : [Math.min(range[0], seen[0]), Math.max(range[1], seen[1])];
    put(problem);
    draw();
  }
  const failed = (error: unknown): void => {
    if (error instanceof DOMException && error.name === "AbortError") return;
    setPlaying(false);
    put(problem, trouble(error, () => void load().catch(failed)));
  };
  function want(next: number): void {
    index = Math.min(Math.max(0, next), nTimes() - 1);
    isLast = index === nTimes() - 1;
    void load().catch(failed);
  }
  function keep(): void {
    const more = without(context.state().more, "index");
    context.go({ more: isLast ? more : { ...more, index: String(index) } }, "replace");
  }
  function step(by: number): void {
    want(index + by);
    keep();
  }
  function setPlaying(on: boolean): void {
    isPlaying = on;
    put(play, t(on ? "fields_pause" : "fields_play"));
    play.setAttribute("aria-pressed", String(on));
    clearTimeout(playing);
    if (on) void next();
    else if (shown !== undefined) keep();
  }
  async function next(): Promise<void> {
    const begin = performance.now();
    index = (index + 1) % nTimes();
    isLast = false;
    await load().catch(failed);
    if (isPlaying) playing = setTimeout(() => void next(), Math.max(0, FRAME_MS - (performance.now() - begin)));
  }
  const axes = (): [AxisOf, AxisOf] => {
    const [x0, x1] = extremes(shown?.grid.xEdges ?? []) ?? [0, 1];
    const [y0, y1] = extremes(shown?.grid.yEdges ?? []) ?? [0, 1];
    const down = isDownward(yc);
    return [{ from: x0, to: x1, label: axisLabel(xc) }, { from: down ? y1 : y0, to: down ? y0 : y1, label: axisLabel(yc) }];
  };
  function draw(): void {
    slider.max = String(nTimes() - 1);
    slider.value = String(index);
    const wide = Math.max(240, stage.clientWidth);
    const [x, y] = axes();
    const inner = wide - 58 - 12;
    // Lengths of both axes in proportion where they have one unit.
    const aspect = xc.unit === yc.unit || (/east/.test(xc.unit ?? "") && /north/.test(yc.unit ?? "")) ? Math.abs((y.to - y.from) / (x.to - x.from)) : 0.6;
    const high = Math.max(160, Math.min(MAX_HEIGHT, inner * aspect));
    frame = { left: 58, top: 10, width: Math.min(inner, aspect > 0 ? high / aspect : inner), height: high };
    const c = fit(canvas, wide, high + 60);
    Object.assign(over.style, { left: `${frame.left}px`, top: `${frame.top}px`, width: `${frame.width}px`, height: `${frame.height}px` });
    c.clearRect(0, 0, wide, high + 60);
    if (shown === undefined || range === undefined) return;
    drawAxes(c, frame, x, y, false);
    drawCells(c, frame, shown.grid, x, y, range);
    const text = shown.time === undefined ? "" : `${formatTime(shown.time * 1000, context.zone())} ${zoneLabel(context.zone(), shown.time * 1000)}`;
    when.value = text;
    slider.setAttribute("aria-valuetext", text);
    canvas.setAttribute("aria-label", t("fields_image_label", { title, time: text }));
    put(legend, colourBar(range, [titleOf(variable ?? ({ name: "" } as never)), formatUnit(unit)].filter(Boolean).join(", ")));
    stage.dataset.drawn = String(shown.index);
    stage.dataset.range = range.join("/");
  }
  over.addEventListener("pointermove", (event) => {
    if (shown === undefined) return;
    const { grid } = shown;
    const [x, y] = axes();
    const i = cellAt(grid.xEdges, positionAcross(x, frame, event.offsetX + frame.left));
    const j = cellAt(grid.yEdges, positionUpward(y, frame, event.offsetY + frame.top));
    const value = i < 0 || j < 0 ? NaN : (grid.values[j * grid.x.length + i] ?? NaN);
    const where = `${yc.name} ${formatNumber(grid.y[j] ?? NaN)}, ${xc.name} ${formatNumber(grid.x[i] ?? NaN)}`;
    put(readout, h("span", { class: "num" }, where), h("span", { class: "num value" }, Number.isNaN(value) ? t("fields_no_value") : `${formatNumber(value)} ${formatUnit(unit)}`));
  });
  over.addEventListener("pointerleave", () => put(readout, h("span", { class: "muted" }, t("fields_cursor"))));
  put(readout, h("span", { class: "muted" }, t("fields_cursor")));
  const resized = new ResizeObserver(() => draw());
  resized.observe(stage);
  void load().catch(failed);
  return {
    show: () => undefined,
    async arrived(next) {
      node = next;
      if (isLast && !isPlaying) index = nTimes() - 1;
      if (!isPlaying) await load().catch(failed);
    },
    redraw: draw,
    destroy() {
      isPlaying = false;
      clearTimeout(playing);
      pending?.abort();
      resized.disconnect();
    },
  };
}
