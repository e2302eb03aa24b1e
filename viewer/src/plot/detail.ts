/** Overview, buttons, panels, legend and read-out of chosen series. */

import { authorization } from "../api/client";
import { h, put } from "../dom";
import { formatCount, formatTime, formatUnit, locale, zoneLabel } from "../format";
import { t } from "../i18n";
import { absolute, copyLine } from "../parts";
import { save } from "../save";
import type { Context } from "../view";
import { SPANS, type Window, width } from "./window";
import { type Chart, type Line, makeChart } from "./chart";
import { type Tracks, makeFeed } from "./feed";
import { type Track, load, nearest, question, replaced } from "./lines";
import { type Model, labels, panelsOf } from "./model";
import { tickSeconds, timeOf } from "./node";
import { type Origin, originElement, originOf } from "./origin";
import { makeOverview } from "./overview";
import { makeLegend } from "./readout";
import { picture, saveRows } from "./save";
import { curlLines, xarrayLines } from "./scripts";
import { valuesTable } from "./table";
import { style } from "./theme";

/** Series in the overview. */
const MAX_OVERVIEW = 8;
/** The overview is asked for as a whole again after so long, else only its end. */
const OVERVIEW_MS = 30_000;
/** How long the cursor rests before is asked where a value is from. */
const REST_MS = 450;
/** Nearest points further away than this are not what the cursor is at. */
const NEAR_PX = 24;

export interface DetailOptions {
  moved: (window: Window, ended: boolean) => void;
  span: (name: string) => void;
  panels: (n: number) => void;
}

export interface Detail {
  show(window: Window, isFollowing: boolean): void;
  /** Something arrived: asks for what may have changed, and draws it. */
  arrived(window: Window, isFollowing: boolean): Promise<void>;
  redraw(): void;
  destroy(): void;
}

const EMPTY: Track = { times: new Float64Array(), values: new Float64Array(), gaps: new Uint8Array(), isThinned: false };

export function makeDetail(place: HTMLElement, context: Context, model: Model, options: DetailOptions): Detail {
  const names = labels(model.series);
  const styles = new Map(model.series.map((s, i) => [s.id, style(i)]));
  const hidden = new Set<string>();
  const all = panelsOf(model.series);
  const nPanels = Math.min(all.length, Math.max(1, Number(context.state().more.panels ?? 1) || 1));
  const panels = all.slice(0, nPanels);
  let window: Window = model.extent;
  let following = false;
  let cursor: number | undefined;
  let overviewTracks: Tracks = new Map();
  const stopped = new AbortController();
  const tick = tickSeconds(timeOf(model.node));
  const common = { zone: () => context.zone(), language: () => locale() };

  // The places, in reading order.
  const spans = ["all", ...Object.keys(SPANS)].map((name) =>
    h("button", { type: "button", "data-span": name, onclick: () => options.span(name) }, t(name === "all" ? "series_reset" : (`series_span_${name}` as "series_span_24h"))),
  );
  const follows = h("span", { class: "pill small" });
  const words = h("span", { class: "muted small num" });
  const busy = h("span", { class: "busy muted small", role: "status" });
  const toolbar = h("div", { class: "row plots-bar" }, h("div", { class: "segments", role: "group", "aria-label": t("series_span") }, ...spans), follows, busy, h("div", { class: "row end" }, downloads()));
  const overviewPlace = h("div", { class: "overview" });
  const chartPlaces = panels.map(() => h("div", { class: "detail" }));
  const empty = h("p", { class: "nothing muted", hidden: true }, t("series_nothing_here"));
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const rest = all.slice(nPanels).flatMap((panel) => panel.units.filter((u) => u !== undefined));
  const third =
    rest.length > 0
      ? h("div", { class: "callout row small" }, h("span", { class: "grow" }, t("series_third_unit", { units: rest.join(", ") || "1" })), h("button", { type: "button", onclick: () => options.panels(all.length) }, t("series_second_panel")))
      : nPanels > 1
        ? h("div", { class: "row" }, h("button", { type: "button", class: "link small end", onclick: () => options.panels(1) }, t("series_one_panel")))
        : null;
  const legend = makeLegend((id) => {
    if (!hidden.delete(id)) hidden.add(id);
    draw();
    fillLegend();
  });
  const scripts = h("details", { class: "panel pad", ontoggle: () => fillScripts() }, h("summary", {}, t("series_lines")));
  const table = h("details", { class: "panel pad", ontoggle: () => fillTable() }, h("summary", {}, t("series_table")));
  put(
    place,
    h(
      "div",
      { class: "panel pad stack plots-panel" },
      toolbar,
      h("div", { class: "row plots-title" }, h("h2", { class: "grow" }, names.title || t("series")), words),
      overviewPlace,
      h("div", { class: "details-of-window" }, ...chartPlaces, empty),
      third,
      model.nLeftOut > 0 && h("p", { class: "callout warn small" }, t("series_left_out", { n: formatCount(model.nLeftOut) })),
      readout,
      legend.element,
      h("p", { class: "muted small keys" }, t("series_keys")),
    ),
    scripts,
    table,
  );

  const overview = makeOverview(overviewPlace, {
    ...common,
    height: 74,
    texts: { window: t("series_overview"), start: t("series_start"), end: t("series_end") },
    describe: (shown) => describe(shown),
    moved: options.moved,
  });
  const charts: Chart[] = panels.map((panel, i) =>
    makeChart(chartPlaces[i] ?? place, {
      ...common,
      height: panels.length > 1 ? 260 : 380,
      label: t("series_plot", { title: [names.title, panel.units.filter(Boolean).join(", ")].filter(Boolean).join(", ") }),
      units: panel.units,
      moved: options.moved,
      reset: () => options.span("all"),
      cursor: (time, parts) => pointed(time, parts?.[0], i),
      picked: () => void ask(),
    }),
  );
  const feed = makeFeed({
    tick,
    load: (asked, n, signal) => load(model.dataset, model.node, model.groups, asked, model.units, n, signal),
    took() {
      draw();
      want();
    },
    failed: (error) => context.tell(error instanceof Error ? error.message : String(error)),
    busy: (is) => put(busy, is ? t("series_loading") : ""),
  });

  const pixels = (): number => charts[0]?.plot.over.clientWidth ?? 800;
  const want = (): void => feed.want(window, model.extent, pixels(), model.series.length);
  const describe = (shown: Window): string =>
    t("series_window", { from: formatTime(shown.from * 1000, context.zone(), precision(shown)), to: formatTime(shown.to * 1000, context.zone(), precision(shown)) });

  /** The points of a series: those of the window, or while they are on their way those of the overview. */
  function trackOf(id: string): Track {
    const fetched = feed.current();
    const overlaps = fetched !== undefined && fetched.window.to > window.from + width(window) / 3 && fetched.window.from < window.to - width(window) / 3;
    const coarse = overviewTracks.get(id);
    if (overlaps || fetched?.step === 0 || coarse === undefined) return fetched?.data.get(id) ?? coarse ?? EMPTY;
    return coarse;
  }
  const lineOf = (id: string, side: 0 | 1, track: Track): Line => ({ track, side, shown: !hidden.has(id), ...(styles.get(id) ?? style(0)) });

  function draw(): void {
    const hasAny = panels.map((panel, i) => {
      const lines = panel.series.map(({ series, side }) => lineOf(series.id, side, trackOf(series.id)));
      charts[i]?.set(lines, window);
      return lines.some(({ track }) => track.times.some((time) => time >= window.from && time <= window.to));
    });
    empty.hidden = hasAny.includes(true) || feed.current() === undefined;
    place.dataset.drawn = String(Number(place.dataset.drawn ?? 0) + 1);
  }
  function drawOverview(): void {
    const some = model.series.slice(0, MAX_OVERVIEW);
    const first = some[0]?.unit;
    // One unit only: there is no axis that would tell two apart.
    const lines = some.filter((s) => s.unit === first).map((s) => lineOf(s.id, 0, overviewTracks.get(s.id) ?? EMPTY));
    overview.set(lines, model.extent.to > model.extent.from ? model.extent : { from: model.extent.from - 1, to: model.extent.to + 1 }, window);
  }
  function fillLegend(): void {
    const shownIds = new Set(panels.flatMap((panel) => panel.series.map(({ series }) => series.id)));
    legend.set(model.series.filter((s) => shownIds.has(s.id)).map((s) => ({ id: s.id, label: names.of.get(s.id) ?? s.label, unit: s.unit, shown: !hidden.has(s.id), ...(styles.get(s.id) ?? style(0)) })));
  }
  function fillBar(): void {
    const { span } = context.state().more;
    for (const button of spans) {
      const isPressed = following && (span ?? "all") === button.dataset.span;
      button.setAttribute("aria-pressed", String(isPressed));
    }
    put(words, describe(window), " ", zoneLabel(context.zone(), window.to * 1000));
    const isLive = following && context.isLive();
    follows.className = `pill small ${isLive ? "ok" : "muted"}`;
    put(follows, following ? t("series_following") : t("series_stays"));
  }

  // The cursor.
  let resting: ReturnType<typeof setTimeout> | undefined;
  let at: { id: string; time: number; value: number } | undefined;
  function pointed(time: number | undefined, part: number | undefined, panel: number): void {
    clearTimeout(resting);
    cursor = time;
    if (time === undefined) {
      legend.values(undefined);
      return;
    }
    const perPixel = width(window) / pixels();
    const values = new Map<string, number>();
    let best: { id: string; time: number; value: number; far: number } | undefined;
    for (const { series, side } of panels.flatMap((p) => p.series)) {
      if (hidden.has(series.id)) continue;
      const { times, values: numbers } = trackOf(series.id);
      const i = nearest(times, time);
      const [pointTime, value] = [times[i] ?? NaN, numbers[i] ?? NaN];
      if (i < 0 || Math.abs(pointTime - time) > NEAR_PX * perPixel) continue;
      values.set(series.id, value);
      if (!panels[panel]?.series.some((s) => s.series === series)) continue;
      const [min, max] = charts[panel]?.range(side) ?? [0, 1];
      const far = Math.hypot((pointTime - time) / perPixel / 3, ((value - min) / (max - min) - (part ?? 0)) * 400);
      if (best === undefined || far < best.far) best = { id: series.id, time: pointTime, value, far };
    }
    const changed = best?.id !== at?.id || best?.time !== at?.time;
    at = best;
    legend.values(values, best?.id);
    charts.forEach((chart, i) => {
      if (i !== panel) chart.pointAt(time);
    });
    if (best === undefined) put(readout, formatTime(time * 1000, context.zone()));
    else if (changed) fillReadout(undefined);
    if (best !== undefined) resting = setTimeout(() => void ask(), REST_MS);
  }
  function fillReadout(origin: Origin | undefined | "unknown"): void {
    if (at === undefined) {
      put(readout, h("span", { class: "muted" }, t("series_rest")));
      return;
    }
    const series = model.series.find((s) => s.id === at?.id);
    if (series === undefined) return;
    const where = [series.variable.description ?? series.variable.name, ...series.at.map(({ choice }) => choice.label)].join(" · ");
    put(
      readout,
      h("strong", { class: "num" }, `${formatTime(at.time * 1000, context.zone(), at.time % 1 === 0 ? "second" : "millisecond")} ${zoneLabel(context.zone(), at.time * 1000)}`),
      h("span", { class: "num value" }, `${Number(at.value.toPrecision(7))} ${series.unit}`.replace("-", "−")),
      h("span", {}, where),
      origin !== undefined && originElement(context, model.dataset, origin),
    );
  }
  let asking: AbortController | undefined;
  async function ask(): Promise<void> {
    clearTimeout(resting);
    const series = model.series.find((s) => s.id === at?.id);
    if (series === undefined || at === undefined) return;
    asking?.abort();
    asking = new AbortController();
    const asked = at;
    const found = await originOf(model, series, at.time, asking.signal);
    if (asked === at || (asked.id === at.id && asked.time === at.time)) fillReadout(found);
  }

  // Files and lines for what is seen.
  const questions = (): ReturnType<typeof question>[] => model.groups.map((group) => question(model.dataset, model.node, group, window, model.units));
  const fileName = (): string => [model.dataset, model.node.path.replaceAll("/", "-"), ...model.variables.map((v) => v.name)].filter(Boolean).join("-").slice(0, 100);
  function downloads(): HTMLElement {
    const rows = (format: "csv" | "parquet"): void => {
      const asked = questions();
      void Promise.all(asked.map((q, i) => saveRows(q, format, asked.length > 1 ? `${fileName()}-${i + 1}` : fileName()))).catch((error: unknown) => context.tell(error instanceof Error ? error.message : String(error)));
    };
    return h(
      "div",
      { class: "row", role: "group", "aria-label": t("series_download"), title: t("series_download_hint") },
      h("span", { class: "muted small" }, t("series_download")),
      h("button", { type: "button", class: "quiet", onclick: () => rows("csv") }, t("series_csv")),
      h("button", { type: "button", class: "quiet", onclick: () => rows("parquet") }, t("series_parquet")),
      h("button", { type: "button", class: "quiet", onclick: () => void savePicture() }, t("series_png")),
    );
  }
  async function savePicture(): Promise<void> {
    const items = model.series.filter((s) => !hidden.has(s.id) && panels.some((p) => p.series.some(({ series }) => series === s)));
    const title = names.title || model.variables.map((v) => v.description ?? v.name).join(", ");
    const subtitle = `${model.dataset}/${model.node.path} · ${describe(window)} ${zoneLabel(context.zone(), window.to * 1000)}`;
    const legendItems = items.map((s) => ({ label: names.of.get(s.id) ?? s.label, ...(styles.get(s.id) ?? style(0)) }));
    save(await picture(title, subtitle, charts.map((chart) => chart.plot.ctx.canvas), legendItems), `${fileName()}.png`);
  }
  function fillScripts(): void {
    if (!scripts.open) return;
    const base = absolute("./");
    const signedIn = authorization() !== null;
    const converted = model.variables.filter((v) => v.unit != null && (model.units[v.name] ?? v.unit) !== v.unit);
    put(
      scripts,
      h("summary", {}, t("series_lines")),
      h(
        "div",
        { class: "stack" },
        copyLine(curlLines(questions(), base, signedIn), t("series_curl")),
        copyLine(xarrayLines(model.dataset, model.node, model.groups, window, base, signedIn), t("series_xarray")),
        converted.length > 0 && h("p", { class: "muted small" }, t("series_stored_units", { units: converted.map((v) => `${v.name} ${formatUnit(v.unit)}`).join(", ") })),
      ),
    );
  }
  function fillTable(): void {
    if (!table.open) return;
    const shown = model.series.filter((s) => !hidden.has(s.id));
    put(table, h("summary", {}, t("series_table")), valuesTable(shown.map((s) => ({ label: names.of.get(s.id) ?? s.label, unit: s.unit, track: trackOf(s.id) })), window, context.zone()));
  }

  // The overview has its own points, which change at their end.
  let overviewAt = 0;
  let overviewEnd = model.extent.to;
  async function loadOverview(): Promise<void> {
    const extent = model.extent;
    overviewAt = Date.now();
    const n = Math.max(200, Math.min(2 * pixels(), 30_000 / model.series.length));
    overviewTracks = await load(model.dataset, model.node, model.groups, extent, model.units, n, stopped.signal);
    overviewEnd = extent.to;
    drawOverview();
    draw();
  }
  async function extendOverview(): Promise<void> {
    if (Date.now() - overviewAt > OVERVIEW_MS) return loadOverview();
    const part = { from: overviewEnd, to: model.extent.to };
    if (part.to > part.from) {
      const fresh = await load(model.dataset, model.node, model.groups, part, model.units, 100, stopped.signal);
      overviewTracks = new Map([...overviewTracks].map(([id, track]) => [id, replaced(track, fresh.get(id) ?? EMPTY, part)]));
      overviewEnd = part.to;
    }
    drawOverview();
  }

  const resized = new ResizeObserver(() => {
    for (const chart of [overview.chart, ...charts]) chart.resize();
    draw();
    want();
  });
  resized.observe(place);
  let closing: ReturnType<typeof setTimeout> | undefined;
  fillLegend();
  fillReadout(undefined);
  drawOverview();
  loadOverview().catch((error: unknown) => {
    if (!stopped.signal.aborted) context.tell(error instanceof Error ? error.message : String(error));
  });

  const self: Detail = {
    show(next, isFollowing) {
      window = next;
      following = isFollowing;
      overview.show(window);
      draw();
      fillBar();
      want();
      clearTimeout(closing);
      closing = setTimeout(() => {
        fillScripts();
        fillTable();
      }, 300);
    },
    async arrived(next, isFollowing) {
      const isFirst = feed.current() === undefined;
      window = next;
      following = isFollowing;
      await Promise.all([isFirst ? undefined : feed.refresh(window, model.extent, pixels(), model.series.length), extendOverview()]);
      self.show(window, isFollowing);
      if (cursor !== undefined) fillTable();
    },
    redraw() {
      overview.chart.redraw();
      for (const chart of charts) chart.redraw();
      fillBar();
      fillTable();
    },
    destroy() {
      stopped.abort();
      asking?.abort();
      clearTimeout(resting);
      clearTimeout(closing);
      resized.disconnect();
      feed.stop();
      overview.destroy();
      for (const chart of charts) chart.destroy();
    },
  };
  return self;
}

/** As fine as a window asks for. */
const precision = (window: Window): "minute" | "second" | "millisecond" => (width(window) > 1800 ? "minute" : width(window) > 10 ? "second" : "millisecond");
