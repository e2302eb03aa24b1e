import { h } from "../dom";
import type { MakeView } from "../view";

export const make: MakeView = () => ({ element: h("section"), update: () => undefined });
