/** The map: stations and gridded fields, in the colours of their newest values. */

import "./map.css";
import { type BaseMap, boundsOf } from "../map/base";
import { type Choice, cameraText, choose, parseCamera } from "../map/choice";
import { type Known, type Further, type Values, discover, extentOf, furtherOf, load } from "../map/data";
import { nameOf } from "../map/controls";
import { makeScreen } from "../map/screen";
import type { Overlays } from "../map/overlays";
import type { Layer } from "../map/places";
import { type Place, chosenKeys, placesOf, selectionOf } from "../map/values";
import type { State } from "../state";
import type { Change, Context, MakeView } from "../view";

/** A burst of commits is answered once. */
const SETTLE_MS = 200;

export const make: MakeView = (context: Context) => {
  const closed = new AbortController();
  let known: Promise<Known> | undefined;
  let read: Known | undefined;
  let choice: Choice | undefined;
  let further: Further = new Map();
  let values: Values | undefined;
  let others: { dataset: string; node: string; place: Place }[] = [];
  let asked = "";
  let running = new AbortController();
  let settling: ReturnType<typeof setTimeout> | undefined;
  let camera = context.state().more.at ?? "";
  let isFitted = parseCamera(camera) !== undefined;

  const go = (change: Change, how?: "push" | "replace"): void => context.go({ view: "map", ...change }, how);
  const more = (change: Record<string, string | undefined>): Record<string, string> => {
    const merged = { ...context.state().more, ...change };
    return Object.fromEntries(Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined));
  };
  const chosen = (): Set<string> => (choice?.layer.kind === "stations" && values?.kind === "stations" ? chosenKeys(choice.layer, values.places, context.state().selected) : new Set());
  const choosePlaces = (keys: ReadonlySet<string>): void => {
    if (choice?.layer.kind !== "stations" || values?.kind !== "stations") return;
    const { layer, variable } = choice;
    const selected = Object.fromEntries(Object.entries({ ...context.state().selected, ...selectionOf(layer, values.places, keys) }).filter(([, of]) => of.length > 0));
    go({ dataset: layer.dataset, node: layer.node.path, variables: variable === undefined ? [] : [variable.name], selected });
  };
  const chooseLayer = (dataset: string, node: string): void => {
    isFitted = false;
    go({ dataset, node, variables: [], selected: {}, more: more({ at: undefined, range: undefined, opacity: undefined }) });
  };

  const screen = makeScreen({
    layer: ({ dataset, node }) => chooseLayer(dataset, node.path),
    otherLayer: chooseLayer,
    variable: (name) => go({ dataset: choice?.layer.dataset ?? "", node: choice?.layer.node.path ?? "", variables: [name], more: more({ range: undefined }) }),
    further: (name, value) => go({ selected: { ...context.state().selected, [name]: [value] } }),
    future: (is) => go({ more: more({ future: is ? "1" : undefined }) }),
    allTimes: () => {
      go({ from: undefined, to: undefined });
    },
    opacity: (i, value) => {
      const opacities = screenOpacities();
      opacities[i] = value;
      go({ more: more({ opacity: opacities.join(",") }) }, "replace");
    },
    range: (range) => go({ more: more({ range: range?.join(",") }) }),
    places: (keys, how) => {
      const next = chosen();
      for (const key of keys) {
        if (how === "add" || !next.has(key)) next.add(key);
        else next.delete(key);
      }
      choosePlaces(next);
    },
    none: () => choosePlaces(new Set()),
    series: () => {
      if (choice === undefined) return;
      const selected = { ...context.state().selected };
      for (const [name, { chosen }] of further) if (chosen !== undefined) selected[name] ??= [chosen];
      context.go({ view: "series", dataset: choice.layer.dataset, node: choice.layer.node.path, variables: choice.variable === undefined ? [] : [choice.variable.name], selected, more: {} });
    },
    all: () => {
      const extent = choice === undefined ? undefined : extentOf(choice.layer, values);
      if (extent !== undefined) screen.fit(extent);
      camera = "";
      go({ more: more({ at: undefined }) }, "replace");
    },
    moved: (at) => {
      camera = cameraText(at);
      if (camera !== context.state().more.at) go({ more: more({ at: camera }) }, "replace");
      if (values?.kind === "grid" && values.isPart) later();
    },
    failed: (error) => context.tell(messageOf(error)),
  });

  const screenOpacities = (): number[] => {
    const given = (context.state().more.opacity ?? "").split(",");
    return overlays().overlays.map(({ opacity }, i) => {
      const text = given[i] ?? "";
      const value = Number(text);
      return text !== "" && value >= 0 && value <= 1 ? value : opacity;
    });
  };
  const overlays = (): Overlays => read?.overlays.get(choice?.layer.dataset ?? "") ?? { overlays: [], problems: [] };

  const chosenOf = ({ layers }: Known): Choice | undefined => choose(context.state(), layers, new Date(), (variable) => context.unit(variable));
  /** What values depend on. */
  const keyOf = (state: State): string =>
    JSON.stringify([state.dataset, state.node, state.variables, state.units, state.from, state.to, state.more.future, choice?.further.map(({ name }) => state.selected[name])]);

  /** Fetches what the state asks for, then shows it. */
  const refresh = async (): Promise<void> => {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    const isOver = (): boolean => signal.aborted;
    try {
      known ??= discover(context);
      known.catch(() => (known = undefined));
      read = await known;
      choice = chosenOf(read);
      asked = keyOf(context.state());
      await screen.ready;
      if (isOver()) return;
      if (choice === undefined) {
        values = undefined;
        draw();
        return;
      }
      further = await furtherOf(choice, context.state().selected, signal);
      const found = await load(choice, further, boundsOf(screen.map()), signal);
      if (isOver()) return;
      values = found;
      draw();
      if (!isFitted) {
        isFitted = true;
        const extent = extentOf(choice.layer, values);
        if (extent !== undefined) screen.fit(extent);
      }
      await showRest(signal);
    } catch (error) {
      if (!isOver()) context.tell(messageOf(error));
    }
  };
  const later = (): void => {
    clearTimeout(settling);
    settling = setTimeout(() => void refresh(), SETTLE_MS);
  };

  /** Stations of other nodes; these are fetched once. */
  const showRest = async (signal: AbortSignal): Promise<void> => {
    const shown = choice?.layer;
    const rest = (read?.layers ?? []).filter((layer) => layer.kind === "stations" && !isSame(layer, shown));
    const found = await Promise.all(rest.map(async (layer) => (layer.kind === "stations" ? (await elsewhere(layer)).map((place) => ({ dataset: layer.dataset, node: layer.node.path, place })) : [])));
    if (signal.aborted) return;
    others = found.flat();
    draw();
  };
  const kept = new Map<string, Promise<Place[]>>();
  const elsewhere = (layer: Extract<Layer, { kind: "stations" }>): Promise<Place[]> => {
    let places = kept.get(nameOf(layer));
    if (places === undefined) {
      places = placesOf(layer, closed.signal).catch(() => []);
      kept.set(nameOf(layer), places);
    }
    return places;
  };

  const draw = (): void => {
    const state = context.state();
    screen.show({ layers: read?.layers ?? [], choice, further, values, others, chosen: chosen(), state, zone: context.zone(), ...overlays(), opacities: screenOpacities() });
  };

  void context
    .service()
    .then(({ base_map }) => (base_map ?? undefined) as BaseMap | undefined)
    .catch(() => undefined)
    .then((base) => screen.begin(base, parseCamera(camera), closed.signal));

  return {
    element: screen.element,
    update(state) {
      const at = state.more.at ?? "";
      if (at !== camera) {
        camera = at;
        const there = parseCamera(at);
        if (there !== undefined) screen.jump(there);
        else isFitted = false;
      }
      if (keyOf(state) === asked) {
        if (read !== undefined) choice = chosenOf(read);
        draw();
      } else {
        asked = keyOf(state);
        void refresh();
      }
    },
    event(event) {
      if (event.type === "reset") {
        known = undefined;
        kept.clear();
        later();
      }
      if (event.type !== "commit") return;
      const { dataset, node } = event.data as { dataset?: string; node?: string };
      if (dataset === choice?.layer.dataset && node === choice?.layer.node.path) later();
      else kept.delete([dataset, node].filter(Boolean).join(" / "));
    },
    redraw() {
      screen.recolour();
      void refresh();
    },
    destroy() {
      clearTimeout(settling);
      running.abort();
      closed.abort();
    },
  };
};

const isSame = (a: Layer, b: Layer | undefined): boolean => a.dataset === b?.dataset && a.node.path === b.node.path;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
