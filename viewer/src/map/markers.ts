/** Stations on the map: circles in the colour of their value, clusters where they would lie upon each other. */

import type { Feature, FeatureCollection, Point } from "geojson";
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import { cividis, css } from "../colours";
import type { Palette } from "./base";
import { type Range, colourOf } from "./scale";
import type { Place, Reading } from "./values";

/** Radius of a marker, in pixels. */
const RADIUS = 8;
/** Stations nearer than so many pixels make a cluster. */
const CLUSTER_RADIUS = 24;
const CLUSTER_MAX_ZOOM = 17;

export const OVER_MARKERS = ["stations", "clusters"];

export function addMarkers(map: MapLibre, colours: Palette): void {
  const empty: FeatureCollection = { type: "FeatureCollection", features: [] };
  map.addSource("others", { type: "geojson", data: empty });
  map.addSource("stations", {
    type: "geojson",
    data: empty,
    cluster: true,
    clusterRadius: CLUSTER_RADIUS,
    clusterMaxZoom: CLUSTER_MAX_ZOOM,
    clusterProperties: {
      sum: ["+", ["coalesce", ["get", "value"], 0]],
      n: ["+", ["case", ["has", "value"], 1, 0]],
      chosen: ["+", ["case", ["get", "chosen"], 1, 0]],
    },
  });
  const isCluster: ExpressionSpecification = ["has", "point_count"];
  map.addLayer({
    id: "others",
    type: "circle",
    source: "others",
    paint: { "circle-radius": 4, "circle-color": colours.other, "circle-opacity": 0.75, "circle-stroke-width": 1, "circle-stroke-color": colours.ring },
  });
  map.addLayer({
    id: "chosen",
    type: "circle",
    source: "stations",
    filter: [">", ["to-number", ["get", "chosen"]], 0],
    paint: { "circle-radius": ["case", isCluster, RADIUS + 11, RADIUS + 5], "circle-color": "rgba(0,0,0,0)", "circle-stroke-width": 3, "circle-stroke-color": colours.accent },
  });
  map.addLayer({
    id: "clusters",
    type: "circle",
    source: "stations",
    filter: isCluster,
    paint: { "circle-radius": RADIUS + 6, "circle-color": colours.other, "circle-stroke-width": 2, "circle-stroke-color": colours.ring },
  });
  map.addLayer({
    id: "stations",
    type: "circle",
    source: "stations",
    filter: ["!", isCluster],
    paint: {
      "circle-radius": ["case", ["has", "value"], RADIUS, RADIUS - 2],
      "circle-color": ["coalesce", ["get", "colour"], "rgba(0,0,0,0)"],
      "circle-stroke-width": 2,
      "circle-stroke-color": ["case", ["has", "value"], colours.ring, colours.other],
    },
  });
  map.addLayer({
    id: "counts",
    type: "symbol",
    source: "stations",
    filter: isCluster,
    layout: { "text-field": ["to-string", ["get", "point_count_abbreviated"]], "text-font": ["sans-serif"], "text-size": 12, "text-allow-overlap": true },
    paint: { "text-color": "#ffffff", "text-halo-color": "#00224e", "text-halo-width": 1.2 },
  });
  map.addLayer({
    id: "names",
    type: "symbol",
    source: "stations",
    filter: ["!", isCluster],
    layout: {
      "text-field": ["get", "label"],
      "text-font": ["sans-serif"],
      "text-size": 12,
      "text-variable-anchor": ["top", "bottom", "left", "right"],
      "text-radial-offset": 1.1,
      "text-justify": "auto",
    },
    paint: { "text-color": colours.text, "text-halo-color": colours.halo, "text-halo-width": 1.6 },
  });
}

/** Gives markers the colours of the present theme. */
export function recolourMarkers(map: MapLibre, colours: Palette): void {
  if (!map.getLayer("stations")) return;
  map.setPaintProperty("others", "circle-color", colours.other);
  map.setPaintProperty("others", "circle-stroke-color", colours.ring);
  map.setPaintProperty("chosen", "circle-stroke-color", colours.accent);
  map.setPaintProperty("clusters", "circle-stroke-color", colours.ring);
  map.setPaintProperty("stations", "circle-stroke-color", ["case", ["has", "value"], colours.ring, colours.other]);
  map.setPaintProperty("names", "text-color", colours.text);
  map.setPaintProperty("names", "text-halo-color", colours.halo);
}

/** What the markers show. */
export interface Shown {
  places: readonly Place[];
  readings: ReadonlyMap<string, Reading>;
  chosen: ReadonlySet<string>;
  range: Range | undefined;
  /** Name and value, as written beside a marker. */
  label: (place: Place) => string;
}

export function showMarkers(map: MapLibre, shown: Shown, colours: Palette): void {
  void map.getSource<GeoJSONSource>("stations")?.setData(features(shown));
  if (!map.getLayer("clusters")) return;
  const { range } = shown;
  const none = colours.other;
  const stops = Array.from({ length: 10 }, (_, i) => [(range?.[0] ?? 0) + (((range?.[1] ?? 1) - (range?.[0] ?? 0)) * i) / 9, css(cividis(i / 9))]).flat();
  const mean: ExpressionSpecification = ["interpolate", ["linear"], ["/", ["get", "sum"], ["get", "n"]], ...stops] as ExpressionSpecification;
  map.setPaintProperty("clusters", "circle-color", range === undefined ? none : ["case", [">", ["get", "n"], 0], mean, none]);
}

export function features({ places, readings, chosen, range, label }: Shown): FeatureCollection<Point> {
  return {
    type: "FeatureCollection",
    features: places.map((place): Feature<Point> => {
      const reading = readings.get(place.key);
      const value = reading === undefined || range === undefined ? {} : { value: reading.value, colour: colourOf(reading.value, range) };
      return {
        type: "Feature",
        properties: { key: place.key, label: label(place), chosen: chosen.has(place.key), ...value },
        geometry: { type: "Point", coordinates: place.lonLat },
      };
    }),
  };
}

/** Stations of other nodes, which choose their node when clicked. */
export function showOthers(map: MapLibre, others: readonly { dataset: string; node: string; place: Place }[]): void {
  void map.getSource<GeoJSONSource>("others")?.setData({
    type: "FeatureCollection",
    features: others.map(({ dataset, node, place }) => ({
      type: "Feature",
      properties: { dataset, node, name: place.name },
      geometry: { type: "Point", coordinates: place.lonLat },
    })),
  });
}
