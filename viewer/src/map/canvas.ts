/** The map itself: MapLibre with what it needs to work offline. */

import { AttributionControl, type Map as MapLibre, Map, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { t } from "../i18n";
import { type BaseMap, type Palette, keepCoastlines, keepGraticule, ownStyle } from "./base";
import type { Camera } from "./choice";
import { keepLabels } from "./labels";
import { addMarkers } from "./markers";

setWorkerUrl(new URL(workerUrl, document.baseURI).href);

export interface Canvas {
  readonly map: MapLibre;
  /** Attributions beside those of the base map. */
  attribute(texts: readonly string[]): void;
}

/** Makes the map in `stage`; resolves when markers can be shown. Whether a browser draws WebGL is known only then. */
export async function makeCanvas(stage: HTMLElement, base: BaseMap | undefined, colours: Palette, camera: Camera | undefined, signal: AbortSignal, failed: (error: unknown) => void): Promise<Canvas> {
  const container = stage.querySelector<HTMLElement>(".map-canvas");
  if (container === null) throw new Error("the map has no place");
  const map = new Map({
    container,
    style: base?.kind === "style" ? base.url : ownStyle(base, colours),
    center: camera === undefined ? [10, 30] : [camera.longitude, camera.latitude],
    zoom: camera?.zoom ?? 1,
    maxZoom: 22,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxPitch: 0,
    boxZoom: false,
    fadeDuration: 0,
    locale: {
      "Map.Title": t("map"),
      "NavigationControl.ZoomIn": t("map_zoom_in"),
      "NavigationControl.ZoomOut": t("map_zoom_out"),
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new ScaleControl({ maxWidth: 110 }), "bottom-right");
  signal.addEventListener("abort", () => map.remove());
  map.on("error", ({ error }) => failed(error));
  map.on("idle", () => stage.setAttribute("data-idle", ""));
  map.on("render", () => stage.removeAttribute("data-idle"));
  await new Promise<void>((resolve) => {
    if (map.isStyleLoaded()) resolve();
    else void map.once("style.load").then(() => resolve());
  });
  if (signal.aborted) throw new DOMException("closed", "AbortError");
  if (base?.kind !== "style") {
    keepGraticule(map);
    keepLabels(map, stage);
    keepCoastlines(map, signal, failed);
  }
  addMarkers(map, colours);

  let control: AttributionControl | undefined;
  let shown: string | undefined;
  return {
    map,
    attribute(texts) {
      const given = base?.kind === "style" && base.attribution !== undefined ? [base.attribution, ...texts.map(escaped)] : texts.map(escaped);
      if (given.join("\n") === shown) return;
      shown = given.join("\n");
      if (control !== undefined) map.removeControl(control);
      control = new AttributionControl({ compact: false, customAttribution: given });
      map.addControl(control, "bottom-right");
    },
  };
}

/** Attributions are HTML; those of schemas are texts. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
