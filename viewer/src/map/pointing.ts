/** What a person does on the map with a pointer: looking, choosing, moving. */

import type { GeoJSONSource, Map as MapLibre, MapMouseEvent } from "maplibre-gl";
import type { Camera } from "./choice";
import type { LonLat } from "./mercator";

export interface Heard {
  places: (keys: readonly string[], how: "toggle" | "add") => void;
  otherLayer: (dataset: string, node: string) => void;
  /** A person has moved the map. */
  moved: (camera: Camera) => void;
}

/** Tells what the pointer is over; `station` with nothing when it is over none. */
export interface Pointed {
  station: (key: string | undefined) => void;
  cluster: (x: number, y: number, n: number) => void;
  other: (x: number, y: number, lines: string[]) => void;
  field: (x: number, y: number, lonLat: LonLat) => void;
}

interface Found {
  layer: string;
  properties: Record<string, unknown>;
  at: LonLat;
}

export function listen(map: MapLibre, heard: Heard, pointed: Pointed): void {
  map.on("mousemove", (event) => {
    const { x, y } = event.point;
    const found = under(map, event);
    map.getCanvas().style.cursor = found === undefined ? "" : "pointer";
    pointed.station(found?.layer === "stations" ? String(found.properties.key) : undefined);
    if (found?.layer === "clusters") pointed.cluster(x, y, Number(found.properties.point_count));
    else if (found?.layer === "others") pointed.other(x, y, [String(found.properties.name), `${String(found.properties.dataset)} / ${String(found.properties.node)}`]);
    else if (found === undefined) pointed.field(x, y, [event.lngLat.lng, event.lngLat.lat]);
  });
  for (const type of ["mouseout", "movestart"] as const) map.on(type, () => pointed.station(undefined));
  map.on("click", (event) => {
    const found = under(map, event);
    if (found === undefined) return;
    if (found.layer === "stations") heard.places([String(found.properties.key)], "toggle");
    else if (found.layer === "others") heard.otherLayer(String(found.properties.dataset), String(found.properties.node));
    else {
      const source = map.getSource<GeoJSONSource>("stations");
      const move = (zoom: number): void => void map.easeTo({ center: found.at, zoom: zoom + 0.2 }, { originalEvent: event.originalEvent });
      void source?.getClusterExpansionZoom(Number(found.properties.cluster_id)).then(move);
    }
  });
  map.on("moveend", (event) => {
    // Moves by a person, and not those to fit what is shown.
    if ((event as { originalEvent?: unknown }).originalEvent === undefined) return;
    const { lng, lat } = map.getCenter();
    heard.moved({ longitude: lng, latitude: lat, zoom: map.getZoom() });
  });
}

/** The marker or cluster under the pointer, or within a few pixels, which a finger needs. */
function under(map: MapLibre, { point: { x, y } }: MapMouseEvent): Found | undefined {
  const layers = ["stations", "clusters", "others"].filter((id) => map.getLayer(id));
  const [found] = map.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]], { layers });
  if (found?.geometry.type !== "Point") return undefined;
  return { layer: found.layer.id, properties: found.properties, at: found.geometry.coordinates as LonLat };
}
