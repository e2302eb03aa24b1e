/** Images on the map: the newest field of a grid, and the overlays of a schema. */

import type { Map as MapLibre } from "maplibre-gl";
import { cividis } from "../colours";
import { removeImage, showImage } from "./base";
import { type Field, imageOf, outline } from "./field";
import { corners } from "./georeference";
import type { Overlay } from "./overlays";
import { type Range, partOf } from "./scale";
import type { GeoJSONSource } from "maplibre-gl";

/** Shows a field; nothing of it if there is none. */
export function showField(map: MapLibre, field: Field | undefined, range: Range | undefined): void {
  if (field === undefined || range === undefined) {
    removeImage(map, "field");
    return;
  }
  const { width, height, data } = imageOf(field, (value) => cividis(partOf(value, range)));
  showImage(map, "field", new ImageData(data, width, height), outline(field), 0.85, "nearest", "graticule");
}

/** Draws where a grid ends. */
export function showOutline(map: MapLibre, of: Pick<Field, "longitudes" | "latitudes"> | undefined, colour: string): void {
  if (map.getSource("outline") === undefined) {
    map.addSource("outline", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    map.addLayer({ id: "outline", type: "line", source: "outline", paint: { "line-color": colour, "line-width": 2 } }, "others");
  }
  map.setPaintProperty("outline", "line-color", colour);
  const ring = of === undefined ? [] : outline(of);
  void map.getSource<GeoJSONSource>("outline")?.setData({
    type: "FeatureCollection",
    features: ring.length === 0 ? [] : [{ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: [...ring, ...ring.slice(0, 1)] } }],
  });
}

const images = new Map<string, Promise<HTMLImageElement>>();

/** Puts an overlay on the map; resolves when it is there. */
export async function showOverlay(map: MapLibre, i: number, overlay: Overlay, opacity: number, isWanted: () => boolean): Promise<void> {
  const image = await imageAt(overlay.url);
  if (!isWanted()) return;
  const id = `overlay-${i}`;
  showImage(map, id, image, corners(overlay.mapping, image.naturalWidth, image.naturalHeight), opacity, "linear", "others");
}

export function removeOverlays(map: MapLibre, from: number): void {
  for (let i = from; map.getSource(`overlay-${i}`) !== undefined; i++) removeImage(map, `overlay-${i}`);
}

function imageAt(url: string): Promise<HTMLImageElement> {
  let found = images.get(url);
  if (found === undefined) {
    found = new Promise((resolve, reject) => {
      const image = new Image();
      // WebGL takes images of other servers only if these allow it.
      image.crossOrigin = "anonymous";
      image.onload = () => resolve(image);
      image.onerror = () => {
        images.delete(url);
        reject(new Error(url.slice(0, 200)));
      };
      image.src = url;
    });
    images.set(url, found);
  }
  return found;
}
