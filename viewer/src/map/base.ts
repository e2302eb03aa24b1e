/** What lies beneath the data: an own style with coastlines and borders that works offline, or a configured base map. */

import countries110 from "world-atlas/countries-110m.json?url";
import countries50 from "world-atlas/countries-50m.json?url";
import type { FeatureCollection } from "geojson";
import type { ImageSource, Map as MapLibre, RasterSourceSpecification, StyleSpecification } from "maplibre-gl";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import { type Bounds, lines, stepAt } from "./graticule";

/** A configured base map, as `GET /api/v1/viewer` tells it. */
export interface BaseMap {
  /** `tiles`: images by `{z}`, `{x}` and `{y}`; `style`: a style of MapLibre. */
  kind: "tiles" | "style";
  url: string;
  attribution?: string;
  max_zoom?: number;
}

/** From this zoom on, the finer coastlines are fetched. */
const FINE_FROM = 3;

export interface Palette {
  water: string;
  land: string;
  coast: string;
  border: string;
  graticule: string;
  ring: string;
  text: string;
  halo: string;
  other: string;
  accent: string;
}

/** Colours of the present theme, found by an element that has them. */
export function palette(at: HTMLElement): Palette {
  const probe = document.createElement("i");
  probe.hidden = true;
  at.append(probe);
  const colour = (name: string): string => {
    probe.style.color = `var(--map-${name})`;
    return getComputedStyle(probe).color;
  };
  const [water, land, coast, border] = [colour("water"), colour("land"), colour("coast"), colour("border")];
  const [graticule, ring, text, halo] = [colour("graticule"), colour("ring"), colour("text"), colour("halo")];
  const found = { water, land, coast, border, graticule, ring, text, halo, other: colour("other"), accent: colour("accent") };
  probe.remove();
  return found;
}

const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };

/** The own style; a raster base map lies over its land, under its lines. */
export function ownStyle(base: BaseMap | undefined, colours: Palette): StyleSpecification {
  const raster: RasterSourceSpecification | undefined =
    base?.kind === "tiles" ? { type: "raster", tiles: [base.url], tileSize: 256, attribution: base.attribution ?? "", ...(base.max_zoom === undefined ? {} : { maxzoom: base.max_zoom }) } : undefined;
  const style: StyleSpecification = {
    version: 8,
    sources: {
      land: { type: "geojson", data: EMPTY, attribution: "Natural Earth" },
      borders: { type: "geojson", data: EMPTY },
      graticule: { type: "geojson", data: EMPTY },
      ...(raster === undefined ? {} : { base: raster }),
    },
    layers: [
      { id: "water", type: "background", paint: { "background-color": colours.water } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": colours.land, "fill-antialias": false } },
      ...(raster === undefined ? [] : [{ id: "base", type: "raster" as const, source: "base" }]),
      { id: "graticule", type: "line", source: "graticule", paint: { "line-color": colours.graticule, "line-width": 1 } },
      { id: "borders", type: "line", source: "borders", paint: { "line-color": colours.border, "line-width": 1, "line-dasharray": [3, 2] } },
      { id: "coast", type: "line", source: "land", paint: { "line-color": colours.coast, "line-width": 1 } },
    ],
  };
  return style;
}

/** Gives the own style the colours of the present theme. */
export function recolour(map: MapLibre, colours: Palette): void {
  const paint: [string, string, string][] = [
    ["water", "background-color", colours.water],
    ["land", "fill-color", colours.land],
    ["graticule", "line-color", colours.graticule],
    ["borders", "line-color", colours.border],
    ["coast", "line-color", colours.coast],
  ];
  for (const [layer, property, value] of paint) if (map.getLayer(layer)) map.setPaintProperty(layer, property as "line-color", value);
}

/** Fetches coastlines and borders as fine as the zoom needs, each once. */
export function keepCoastlines(map: MapLibre, signal: AbortSignal, failed: (error: unknown) => void): void {
  let shown = "";
  const look = (): void => {
    const url = map.getZoom() >= FINE_FROM ? countries50 : countries110;
    if (url === shown || shown === countries50 || !map.getSource("land")) return;
    shown = url;
    fetch(url, { signal })
      .then(async (answer) => {
        if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
        const atlas = (await answer.json()) as Topology<{ countries: GeometryCollection; land: GeometryCollection }>;
        if (shown !== url) return;
        void map.getSource<import("maplibre-gl").GeoJSONSource>("land")?.setData(feature(atlas, atlas.objects.land));
        void map.getSource<import("maplibre-gl").GeoJSONSource>("borders")?.setData(mesh(atlas, atlas.objects.countries, (a, b) => a !== b));
      })
      .catch((error: unknown) => {
        if (!signal.aborted) failed(error);
      });
  };
  map.on("moveend", look);
  look();
}

/** Draws the graticule for what is seen. */
export function keepGraticule(map: MapLibre): void {
  const look = (): void => {
    void map.getSource<import("maplibre-gl").GeoJSONSource>("graticule")?.setData(lines(boundsOf(map), stepAt(map.getZoom())));
  };
  map.on("moveend", look);
  look();
}

export function boundsOf(map: MapLibre): Bounds {
  const bounds = map.getBounds();
  return { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
}

/** An image that is put on the map at its corners. */
export function showImage(map: MapLibre, id: string, image: ImageData | ImageBitmap | HTMLImageElement, corners: [[number, number], [number, number], [number, number], [number, number]], opacity: number, resampling: "linear" | "nearest", before: string): void {
  const source = map.getSource<ImageSource>(id);
  if (source === undefined) {
    map.addSource(id, { type: "image", coordinates: corners });
    map.addLayer({ id, type: "raster", source: id, paint: { "raster-opacity": opacity, "raster-fade-duration": 0, "raster-resampling": resampling } }, map.getLayer(before) ? before : undefined);
  }
  map.getSource<ImageSource>(id)?.updateImage({ image, coordinates: corners });
  map.setPaintProperty(id, "raster-opacity", opacity);
}

export function removeImage(map: MapLibre, id: string): void {
  if (map.getLayer(id)) map.removeLayer(id);
  if (map.getSource(id)) map.removeSource(id);
}
