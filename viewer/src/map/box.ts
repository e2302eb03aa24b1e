/** Choosing by a box: with Shift and the mouse, or after a button also by touch. */

import { h } from "../dom";

export interface Box {
  /** Whether the next drag draws a box. */
  arm(is: boolean): void;
}

export interface Corner {
  x: number;
  y: number;
}

/** Listens on the element that holds the map's canvas; `done` gets two corners in its pixels. */
export function makeBox(stage: HTMLElement, isMap: (target: EventTarget | null) => boolean, done: (from: Corner, to: Corner) => void): Box {
  let isArmed = false;
  let from: Corner | undefined;
  const frame = h("div", { class: "map-box", hidden: true });
  stage.append(frame);
  const at = (event: PointerEvent): Corner => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const begins = (event: MouseEvent | TouchEvent): boolean => (isArmed || ("button" in event && event.shiftKey && event.button === 0)) && isMap(event.target);
  // The map must not pan meanwhile.
  for (const type of ["mousedown", "touchstart"] as const) {
    const listen = (event: MouseEvent | TouchEvent): void => {
      if (begins(event)) event.stopPropagation();
    };
    stage.addEventListener(type, listen, { capture: true });
  }
  stage.addEventListener("pointerdown", (event) => {
    if (!begins(event)) return;
    event.preventDefault();
    from = at(event);
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (from === undefined) return;
    const to = at(event);
    frame.hidden = false;
    Object.assign(frame.style, {
      left: `${Math.min(from.x, to.x)}px`,
      top: `${Math.min(from.y, to.y)}px`,
      width: `${Math.abs(to.x - from.x)}px`,
      height: `${Math.abs(to.y - from.y)}px`,
    });
  });
  const end = (event: PointerEvent): void => {
    const [begin, to] = [from, at(event)];
    from = undefined;
    frame.hidden = true;
    if (begin !== undefined && event.type === "pointerup" && Math.hypot(to.x - begin.x, to.y - begin.y) > 4) done(begin, to);
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  return {
    arm(is) {
      isArmed = is;
      stage.classList.toggle("armed", is);
    },
  };
}
