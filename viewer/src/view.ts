/** What every view is: an element that follows the state. */

import type { Tree } from "./api/client";
import type { ServerEvent } from "./api/events";
import type { State } from "./state";

/** What views share. */
export interface Context {
  /** The present state. */
  state(): State;
  /** Changes the state: `push` makes a step of the browser's history, `replace` does not. */
  go(change: Partial<State>, how?: "push" | "replace"): void;
  /** The tree of a dataset; kept until something arrives in it. */
  tree(dataset: string): Promise<Tree>;
  /** Time zone chosen for display, `UTC` at first. */
  zone(): string;
  /** Tells the person what went wrong, in the page and to screen readers. */
  tell(message: string, kind?: "error" | "note"): void;
}

export interface View {
  readonly element: HTMLElement;
  /** Shows `state`; called at once and after each change. */
  update(state: State): void;
  /** Something happened at the service. */
  event?(event: ServerEvent): void;
  /** The theme, the language, the zone or the units have changed: draw again. */
  redraw?(): void;
  destroy?(): void;
}

/** Views are loaded when they are opened first. */
export type MakeView = (context: Context) => View;
