/** Building elements without a framework. */

export type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, unknown>;

/** Makes an element: `on…` are listeners, `class`, `aria-…` and the like attributes, other known names properties. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === "style" && typeof value === "object") {
      Object.assign(element.style, value);
    } else if (name in element && !name.includes("-") && name !== "list" && name !== "form") {
      Object.assign(element, { [name]: value });
    } else {
      element.setAttribute(name, value === true ? "" : textOf(value));
    }
  }
  put(element, ...children);
  return element;
}

/** Replaces what is inside of an element. */
export function put(element: Element, ...children: Child[]): void {
  const kept = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (child instanceof Node ? child : textOf(child))));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}
