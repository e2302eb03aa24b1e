/** What is seen: the map with its legend, the controls and the list beside it. */

import type { Map as MapLibre } from "maplibre-gl";
import { h, put } from "../dom";
import { formatTime, formatValue } from "../format";
import { t } from "../i18n";
import type { State } from "../state";
import { type BaseMap, type Palette, palette, recolour } from "./base";
import { makeBox } from "./box";
import { type Canvas, makeCanvas } from "./canvas";
import type { Camera, Choice } from "./choice";
import { type Changes, makeControls } from "./controls";
import type { Further, Values } from "./data";
import { valueAt } from "./field";
import type { Bounds } from "./graticule";
import { makeLegend } from "./legend";
import { type Row, makeList } from "./list";
import { recolourMarkers, showMarkers, showOthers } from "./markers";
import type { Overlay } from "./overlays";
import { removeOverlays, showField, showOutline, showOverlay } from "./pictures";
import type { Layer } from "./places";
import { type Heard as PointerHeard, type Pointed, listen } from "./pointing";
import { type Range, colourOf, rangeOf, widened } from "./scale";
import { makeTip } from "./tip";
import type { Place } from "./values";

export interface Heard extends Changes, PointerHeard {
  range: (range: Range | undefined) => void;
  none: () => void;
  series: () => void;
  /** Everything shall be seen. */
  all: () => void;
  failed: (error: unknown) => void;
}

/** Everything that is shown. */
export interface Shown {
  layers: readonly Layer[];
  choice: Choice | undefined;
  further: Further;
  values: Values | undefined;
  others: readonly { dataset: string; node: string; place: Place }[];
  chosen: ReadonlySet<string>;
  state: State;
  zone: string;
  overlays: readonly Overlay[];
  opacities: readonly number[];
  problems: readonly string[];
}

export interface Screen {
  readonly element: HTMLElement;
  /** When markers can be shown. */
  readonly ready: Promise<void>;
  begin(base: BaseMap | undefined, camera: Camera | undefined, signal: AbortSignal): Promise<void>;
  map(): MapLibre;
  show(shown: Shown): void;
  fit(bounds: Bounds): void;
  jump(camera: Camera): void;
  recolour(): void;
}

export function makeScreen(heard: Heard): Screen {
  let canvas: Canvas | undefined;
  let shown: Shown | undefined;
  let range: Range | undefined;
  /** Ranges found, by what they belong to; they only grow. */
  const ranges = new Map<string, Range>();
  let colours: Palette | undefined;
  let began: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (began = resolve));

  const holder = h("div", { class: "map-canvas" });
  const note = h("div", { class: "map-note callout", hidden: true });
  const boxButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => arm(boxButton.getAttribute("aria-pressed") !== "true") });
  const fitButton = h("button", { type: "button", onclick: () => heard.all() });
  const legend = makeLegend(heard.range);
  const stage = h("div", { class: "map-stage" }, holder, h("div", { class: "map-tools" }, boxButton, fitButton), note, legend.element);
  const tip = makeTip(stage);
  const controls = makeControls(heard);
  const list = makeList({
    chosen: (key) => heard.places([key], "toggle"),
    pointed: (key) => point(key),
    sought: (key) => {
      const place = placeOf(key);
      if (place !== undefined) canvas?.map.easeTo({ center: place.lonLat, zoom: Math.max(canvas.map.getZoom(), 13) }, { originalEvent: true });
    },
  });
  const none = h("button", { type: "button", class: "quiet", onclick: () => heard.none() });
  const series = h("button", { type: "button", class: "primary", onclick: () => heard.series() });
  const foot = h("div", { class: "row map-foot" }, series, none);
  const side = h("aside", { class: "map-side" }, controls.element, list.element, foot);
  const element = h("section", { class: "map-view" }, stage, side);
  const box = makeBox(
    stage,
    (target) => target instanceof HTMLCanvasElement,
    (from, to) => {
      arm(false);
      if (shown?.values?.kind !== "stations" || canvas === undefined) return;
      const { map } = canvas;
      const inside = shown.values.places.filter(({ lonLat }) => {
        const { x, y } = map.project(lonLat);
        return (x - from.x) * (x - to.x) <= 0 && (y - from.y) * (y - to.y) <= 0;
      });
      heard.places(inside.map(({ key }) => key), "add");
    },
  );
  const arm = (is: boolean): void => {
    boxButton.setAttribute("aria-pressed", String(is));
    box.arm(is);
  };

  const placeOf = (key: string): Place | undefined => (shown?.values?.kind === "stations" ? shown.values.places.find((place) => place.key === key) : undefined);
  const unit = (): string | undefined => shown?.choice?.unit ?? shown?.choice?.variable?.unit ?? undefined;
  const written = (value: number): string => formatValue(value, unit(), range === undefined ? undefined : [0, 20 * (range[1] - range[0])]);

  const pointed: Pointed = {
    station(key) {
      list.mark(key);
      point(key);
    },
    cluster: (x, y, n) => tip.show(x, y, [t("map_cluster", { n })]),
    other: (x, y, lines) => tip.show(x, y, lines),
    field(x, y, lonLat) {
      const values = shown?.values;
      const value = values?.kind === "grid" && values.field !== undefined ? valueAt(values.field, lonLat) : NaN;
      if (!Number.isFinite(value) || values?.kind !== "grid") tip.hide();
      else tip.show(x, y, [`${shown?.choice?.variable?.name ?? ""}: ${written(value)}`, "", values.time === undefined ? "" : formatTime(values.time, shown?.zone ?? "UTC")]);
    },
  };
  /** Tells about a station, beside its marker if that is seen. */
  const point = (key: string | undefined): void => {
    const place = key === undefined ? undefined : placeOf(key);
    if (place === undefined || canvas === undefined || shown?.values?.kind !== "stations") {
      tip.hide();
      return;
    }
    const { x, y } = canvas.map.project(place.lonLat);
    const reading = shown.values.readings.get(place.key);
    const { clientWidth: width, clientHeight: height } = stage;
    if (x < 0 || y < 0 || x > width || y > height) tip.hide();
    else tip.show(x, y, [place.name, reading === undefined ? t("map_no_value") : `${shown.choice?.variable?.name ?? ""}: ${written(reading.value)}`, reading?.time === undefined ? "" : formatTime(reading.time, shown.zone)]);
  };

  const texts = (): void => {
    element.setAttribute("aria-label", t("map"));
    put(boxButton, t("map_box"));
    boxButton.title = t("map_box_hint");
    put(fitButton, t("map_fit"));
    put(none, t("map_none"));
    side.setAttribute("aria-label", t("map_stations"));
  };

  const rangeNow = ({ choice, values, further }: Shown): Range | undefined => {
    const numbers = values?.kind === "stations" ? [...values.readings.values()].map(({ value }) => value) : (values?.field?.values ?? []);
    const found = rangeOf(numbers);
    if (choice?.range !== undefined) return choice.range;
    if (found === undefined || choice === undefined) return undefined;
    const key = JSON.stringify([choice.layer.dataset, choice.layer.node.path, choice.variable?.name, choice.unit, [...further.values()].map(({ chosen }) => chosen)]);
    const next = widened(found, ranges.get(key));
    ranges.set(key, next);
    return next;
  };

  const drawMap = (now: Shown): void => {
    if (canvas === undefined || colours === undefined) return;
    const { map } = canvas;
    const { values, choice, overlays } = now;
    const field = values?.kind === "grid" ? values.field : undefined;
    const stations = values?.kind === "stations" ? values : { places: [], readings: new Map<string, never>() };
    showMarkers(map, { places: stations.places, readings: stations.readings, chosen: now.chosen, range, label: ({ name }) => name }, colours);
    showOthers(map, now.others);
    showField(map, field, range);
    const extents = choice?.layer.kind === "grid" ? [choice.layer.longitude.extent, choice.layer.latitude.extent] : [];
    const [longitudes, latitudes] = extents.map((extent) => (extent ?? []) as unknown as number[]);
    const whole = values?.kind === "grid" && !values.isPart ? field : undefined;
    showOutline(map, whole ?? (longitudes?.length === 2 && latitudes?.length === 2 ? { longitudes, latitudes } : undefined), colours.accent);
    overlays.forEach((overlay, i) => {
      void showOverlay(map, i, overlay, now.opacities[i] ?? overlay.opacity, () => shown?.overlays[i] === overlay).catch(() => heard.failed(new Error(t("map_overlay_failed", { title: overlay.title, url: overlay.url.slice(0, 120) }))));
    });
    removeOverlays(map, overlays.length);
    canvas.attribute(overlays.map(({ attribution }) => attribution).filter((text) => text !== ""));
  };

  const rows = ({ values, chosen, zone }: Shown): Row[] => {
    if (values?.kind !== "stations") return [];
    const sorted = [...values.places].sort((a, b) => a.name.localeCompare(b.name));
    return sorted.map(({ key, name }) => {
      const reading = values.readings.get(key);
      const colour = reading === undefined || range === undefined ? undefined : colourOf(reading.value, range);
      return { key, name, colour, isChosen: chosen.has(key), value: reading === undefined ? "–" : written(reading.value), time: reading?.time === undefined ? "" : formatTime(reading.time, zone, "minute") };
    });
  };

  const noteOf = ({ layers, choice, values }: Shown): string => {
    if (choice === undefined) return layers.length === 0 ? t("map_nothing") : t("map_not_here");
    if (values?.kind === "grid" && values.isPart && values.field === undefined) return t("map_zoom");
    if (values?.kind === "stations" && values.places.length === 0) return t("map_empty");
    return "";
  };

  texts();
  return {
    element,
    ready,
    async begin(base, camera, signal) {
      colours = palette(stage);
      try {
        canvas = await makeCanvas(stage, base, colours, camera, signal, heard.failed);
      } catch (error) {
        if (!signal.aborted) {
          put(note, t("map_no_webgl"));
          note.hidden = false;
          heard.failed(error);
        }
        return;
      }
      listen(canvas.map, heard, pointed);
      began();
      if (shown !== undefined) drawMap(shown);
    },
    map() {
      if (canvas === undefined) throw new Error("the map is not ready");
      return canvas.map;
    },
    show(now) {
      shown = now;
      range = rangeNow(now);
      const { choice } = now;
      if (choice !== undefined) controls.show({ ...now, choice, from: now.state.from, to: now.state.to });
      controls.element.hidden = choice === undefined;
      const stations = choice?.layer.kind === "stations";
      list.element.hidden = !stations;
      foot.hidden = !stations;
      legend.show(choice?.variable?.name ?? "", unit(), range, choice?.range !== undefined);
      list.show(rows(now));
      put(series, now.chosen.size === 0 ? t("map_series") : t("map_series_of", { n: now.chosen.size }));
      series.disabled = now.chosen.size === 0;
      none.hidden = now.chosen.size === 0;
      boxButton.hidden = !stations;
      const text = noteOf(now);
      put(note, text);
      note.hidden = text === "";
      drawMap(now);
    },
    fit: ({ west, south, east, north }) => void canvas?.map.fitBounds([west, south, east, north], { padding: padding(stage), maxZoom: 16, animate: false }),
    jump: ({ longitude, latitude, zoom }) => void canvas?.map.jumpTo({ center: [longitude, latitude], zoom }),
    recolour() {
      texts();
      colours = palette(stage);
      if (canvas === undefined) return;
      recolour(canvas.map, colours);
      recolourMarkers(canvas.map, colours);
    },
  };
}

/** Room for the legend and the controls. */
function padding(stage: HTMLElement): { top: number; bottom: number; left: number; right: number } {
  const [x, y] = [Math.min(stage.clientWidth / 6, 90), Math.min(stage.clientHeight / 6, 90)];
  return { top: y, bottom: Math.min(y + 40, stage.clientHeight / 3), left: x, right: x };
}
