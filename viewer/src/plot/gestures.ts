/** What fingers, the mouse, its wheel and keys do to a window of time. */

import { type Window, pan, pinch, width, zoom } from "./window";

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Drag moves, drag with Shift draws a box, two fingers and the wheel come nearer; a tap picks. */
export function gestures(over: HTMLElement, shown: () => Window, move: (window: Window, ended: boolean) => void, box: (box?: Box) => void, pick: () => void): void {
  over.style.touchAction = "pan-y";
  const part = (event: PointerEvent | WheelEvent): number => {
    const rect = over.getBoundingClientRect();
    return (event.clientX - rect.left) / rect.width;
  };
  const fingers = new Map<number, number>();
  let start: { window: Window; parts: Map<number, number>; isBox: boolean } | undefined;
  let isMoved = false;
  const begin = (isBox: boolean): void => {
    start = { window: shown(), parts: new Map(fingers), isBox };
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    over.setPointerCapture(event.pointerId);
    if (fingers.size === 0) isMoved = false;
    fingers.set(event.pointerId, part(event));
    begin(event.shiftKey && fingers.size === 1);
  });
  over.addEventListener("pointermove", (event) => {
    const was = start?.parts.get(event.pointerId);
    if (start === undefined || was === undefined) return;
    fingers.set(event.pointerId, part(event));
    const others = [...fingers.keys()].filter((id) => id !== event.pointerId);
    const other = others[0];
    if (Math.abs(part(event) - was) * over.clientWidth > 3) isMoved = true;
    if (!isMoved) return;
    if (start.isBox) {
      const [a, b] = [Math.min(was, part(event)), Math.max(was, part(event))];
      box({ left: a * over.clientWidth, width: (b - a) * over.clientWidth, top: 0, height: over.clientHeight });
    } else if (other === undefined) move(pan(start.window, (was - part(event)) * width(start.window)), false);
    else move(pinch(start.window, [was, start.parts.get(other) ?? 0], [part(event), fingers.get(other) ?? 0]), false);
  });
  const end = (event: PointerEvent): void => {
    const was = start?.parts.get(event.pointerId);
    if (!fingers.delete(event.pointerId) || start === undefined || was === undefined) return;
    if (start.isBox) {
      box();
      const [a, b] = [Math.min(was, part(event)), Math.max(was, part(event))];
      const { from } = start.window;
      const wide = width(start.window);
      if ((b - a) * over.clientWidth > 4 && event.type === "pointerup") move({ from: from + a * wide, to: from + b * wide }, true);
    } else if (isMoved) move(shown(), true);
    else if (event.type === "pointerup") pick();
    if (fingers.size > 0) begin(false);
    else start = undefined;
  };
  over.addEventListener("pointerup", end);
  over.addEventListener("pointercancel", end);
  let pause: ReturnType<typeof setTimeout> | undefined;
  over.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const window = shown();
      const at = window.from + part(event) * width(window);
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(pan(window, ((event.deltaX * lines) / over.clientWidth) * width(window)), false);
      else move(zoom(window, Math.exp(Math.max(-120, Math.min(120, event.deltaY * lines)) * 0.0022), at), false);
      clearTimeout(pause);
      pause = setTimeout(() => move(shown(), true), 150);
    },
    { passive: false },
  );
}

/** Arrows move, + and − come nearer, 0 and double click show all; with Shift, arrows move the cursor. */
export function keys(element: HTMLElement, shown: () => Window, move: (window: Window, ended: boolean) => void, reset: () => void, cursor: (by: number) => void, pick: () => void): void {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== element) return;
    const window = shown();
    const middle = (window.from + window.to) / 2;
    const way = event.key === "ArrowLeft" ? -1 : 1;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (event.shiftKey) cursor(way * 4);
      else move(pan(window, way * width(window) * 0.1), true);
    } else if (event.key === "+" || event.key === "=") move(zoom(window, 0.7, middle), true);
    else if (event.key === "-" || event.key === "_") move(zoom(window, 1 / 0.7, middle), true);
    else if (event.key === "PageUp" || event.key === "PageDown") move(pan(window, (event.key === "PageUp" ? -1 : 1) * width(window)), true);
    else if (event.key === "0" || event.key === "Escape") reset();
    else if (event.key === "Enter") pick();
    else return;
    event.preventDefault();
  });
}
