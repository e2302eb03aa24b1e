/** What every view is: an element that follows the state. */

import type { DatasetSummary, Tree } from "./api/client";
import type { ServerEvent } from "./api/events";
import type { ViewerInfo } from "./api/viewer";
import type { State } from "./state";

/** A change of the state; `undefined` takes away `from` or `to`. */
export type Change = { [K in keyof State]?: State[K] | undefined };

/** What views share. */
export interface Context {
  /** The present state. */
  state(): State;
  /** Changes the state: `push` makes a step of the browser's history, `replace` does not. */
  go(change: Change, how?: "push" | "replace"): void;
  /** The address of a changed state, for `href`; the shell follows such links without loading the page. */
  link(change: Change): string;
  /** The datasets that the person may read; kept until something changes. */
  datasets(): Promise<DatasetSummary[]>;
  /** The tree of a dataset; kept until something arrives in it. */
  tree(dataset: string): Promise<Tree>;
  /** What the service says about itself. */
  service(): Promise<ViewerInfo>;
  /** Time zone chosen for display, `UTC` at first. */
  zone(): string;
  /** Units in which others are shown, by the unit stored, as the person prefers. */
  units(): Readonly<Record<string, string>>;
  /** The unit in which a variable is shown: that of the link, the one preferred, or the one stored. */
  unit(variable: { name: string; unit?: string | null }): string | undefined;
  /** Whether events arrive at present. */
  isLive(): boolean;
  /** Opens the dialog for signing in. */
  signIn(): void;
  /** Tells the person what went wrong, in the page and to screen readers. */
  tell(message: string, kind?: "error" | "note"): void;
}

export interface View {
  readonly element: HTMLElement;
  /** Shows `state`; called at once and after each change. */
  update(state: State): void;
  /** Something happened at the service. */
  event?(event: ServerEvent): void;
  /** The theme, the zone or the units have changed: draw again. After a change of language the view is made anew. */
  redraw?(): void;
  destroy?(): void;
}

/** Views are loaded when they are opened first. */
export type MakeView = (context: Context) => View;
