/** Begins: the shell, the view that the address names, the events of the service. */

import "./style.css";
import { type DatasetSummary, getTree, listDatasets, onUnknown, Refused, signIn, type Tree } from "./api/client";
import { follow, type ServerEvent } from "./api/events";
import { getViewerInfo, type ViewerInfo } from "./api/viewer";
import { h, put } from "./dom";
import { t } from "./i18n";
import { applyTheme, preferredUnits, zone } from "./settings";
import { makeHeader } from "./shell/header";
import { message, openSignIn } from "./shell/signin";
import { forgetMessages, messages, tell } from "./shell/messages";
import { openPreferences } from "./shell/preferences";
import { followProblems } from "./shell/problems";
import { fromQuery, type State, toQuery, type ViewName } from "./state";
import type { Change, Context, MakeView, View } from "./view";

/** Each view is a file of its own that is fetched when it is opened first. */
const LOAD: Record<ViewName, () => Promise<{ make: MakeView }>> = {
  datasets: () => import("./views/datasets"),
  map: () => import("./views/map"),
  series: () => import("./views/series"),
  fields: () => import("./views/fields"),
  contributions: () => import("./views/contributions"),
  collectors: () => import("./views/collectors"),
  upload: () => import("./views/upload"),
};

let state: State = fromQuery(location.search);
let view: View | undefined;
let shown: ViewName | undefined;
let connection: "connecting" | "live" | "lost" = "connecting";
let title = "zarr-fuse";
let datasets: Promise<DatasetSummary[]> | undefined;
let service: Promise<ViewerInfo> | undefined;
let events = new AbortController();
const trees = new Map<string, Promise<Tree>>();
const place = h("main", { id: "main", tabIndex: -1 });

const context: Context = {
  state: () => state,
  go(change, how = "push") {
    const before = state.view;
    state = changed(change);
    const address = `?${toQuery(state)}`;
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    void show(before !== state.view);
  },
  link: (change) => `?${toQuery(changed(change))}`,
  datasets() {
    datasets ??= listDatasets().catch((error: unknown) => {
      datasets = undefined;
      throw error;
    });
    return datasets;
  },
  tree(dataset) {
    let tree = trees.get(dataset);
    if (tree === undefined) {
      tree = getTree(dataset);
      trees.set(dataset, tree);
      tree.catch(() => trees.delete(dataset));
    }
    return tree;
  },
  service() {
    service ??= getViewerInfo();
    service.catch(() => (service = undefined));
    return service;
  },
  zone,
  units: preferredUnits,
  unit: ({ name, unit }) => state.units[name] ?? (unit ? (preferredUnits()[unit] ?? unit) : undefined),
  isLive: () => connection === "live",
  signIn: () => openSignIn(null, personChanged),
  tell,
};

const problems = followProblems(context, (n) => header.problems(n));
let header = makeHeader(context, actions());

function actions(): Parameters<typeof makeHeader>[1] {
  return {
    problems: () => problems.open(),
    preferences: () => void preferences(),
    signIn: () => context.signIn(),
    signOut() {
      signIn(null);
      personChanged();
      tell(t("shell_signed_out"), "note");
    },
  };
}

function changed(change: Change): State {
  const entries = Object.entries({ ...state, ...change }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as State;
}

/** Shows what the state says; `moves`: the person went to another view, so that focus follows. */
async function show(moves = false): Promise<void> {
  header.update(state);
  const name = state.view;
  titlePage();
  if (shown !== name) {
    let make: MakeView;
    try {
      ({ make } = await LOAD[name]());
    } catch (error) {
      tell(t("shell_not_loaded", { reason: message(error) }));
      return;
    }
    if (state.view !== name) return;
    if (shown !== name) {
      view?.destroy?.();
      shown = name;
      view = make(context);
      put(place, view.element);
      place.scrollTop = 0;
    }
  }
  view?.update(state);
  if (moves) focusHeading();
}

function titlePage(): void {
  document.title = [t(state.view), [state.dataset, state.node].filter(Boolean).join("/"), title].filter(Boolean).join(" · ");
}

function focusHeading(): void {
  const heading = place.querySelector("h1") ?? place;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Makes shell and view anew, as after a change of the language. */
function remake(): void {
  const former = header;
  header = makeHeader(context, actions());
  former.element.replaceWith(header.element);
  header.title(title);
  header.connection(connection);
  header.problems(problems.list().length);
  skip.textContent = t("shell_skip");
  shown = undefined;
  fillShell();
  problems.ask();
  void show();
}

/** Another person may see other things. */
function personChanged(): void {
  trees.clear();
  datasets = undefined;
  service = undefined;
  problems.forget();
  forgetMessages();
  remake();
  listen();
}

function fillShell(): void {
  context.datasets().then((list) => header.datasets(list), (error: unknown) => {
    // Then the dialog for signing in says it.
    if (!(error instanceof Refused && error.status === 401)) tell(message(error));
  });
  context.service().then(
    (info) => {
      title = info.title;
      header.title(title);
      header.needsSignIn(info.needs_sign_in);
      titlePage();
    },
    () => header.needsSignIn(true),
  );
}

async function preferences(): Promise<void> {
  const names = await context.datasets().catch(() => []);
  const known = await Promise.allSettled(names.map(({ name }) => context.tree(name)));
  const dialog = openPreferences(
    known.flatMap((tree) => (tree.status === "fulfilled" ? [tree.value] : [])),
    {
      language() {
        dialog.close();
        remake();
        void preferences();
      },
      display() {
        header.refresh();
        view?.redraw?.();
      },
    },
  );
}

function listen(): void {
  events.abort();
  events = new AbortController();
  const { signal } = events;
  void follow("api/v1/events", signal, take, (is) => {
    if (signal.aborted) return;
    const before = connection;
    connection = is ? "live" : "lost";
    if (before === connection) return;
    header.connection(connection);
    problems.ask();
  });
}

function take(event: ServerEvent): void {
  const { dataset } = event.data as { dataset?: string };
  if (event.type === "reset") {
    trees.clear();
    datasets = undefined;
  } else if (dataset !== undefined && changesTree(event)) trees.delete(dataset);
  problems.event(event);
  view?.event?.(event);
}

/** What is merged is told by `commit`; what is not merged changes the counts alone. */
function changesTree({ type, data }: ServerEvent): boolean {
  return type === "commit" || type === "contributions" || (type === "contribution" && ["rejected", "retracted"].includes((data as { status?: string }).status ?? ""));
}

const skip = h("a", { class: "skip", href: "#main" }, t("shell_skip"));
skip.addEventListener("click", (event) => {
  event.preventDefault();
  focusHeading();
});

applyTheme();
put(document.body, skip, header.element, place, messages);
onUnknown(() => openSignIn(t("shell_sign_in_needed"), personChanged));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.redraw?.());
addEventListener("popstate", () => {
  const before = state.view;
  state = fromQuery(location.search);
  void show(before !== state.view);
});
// Links inside of the viewer change the state; with a modifier they open another tab, as links do.
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest("a");
  const address = link?.getAttribute("href");
  if (!address?.startsWith("?") || event.defaultPrevented || event.button !== 0 || link?.target === "_blank") return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  context.go({ from: undefined, to: undefined, ...fromQuery(address) });
});
fillShell();
problems.ask();
listen();
void show();
