/** The tooltip beside what is pointed at. */

import { h, put } from "../dom";

export interface Tip {
  show(x: number, y: number, lines: string[]): void;
  hide(): void;
}

export function makeTip(stage: HTMLElement): Tip {
  const element = h("div", { class: "map-tip panel", role: "tooltip", hidden: true });
  stage.append(element);
  return {
    show(x, y, lines) {
      put(element, ...lines.filter((line) => line !== "").map((line, i) => h("div", { class: i === 0 ? "map-tip-name" : i === 1 ? "num" : "muted small num" }, line)));
      element.hidden = false;
      const { offsetWidth: width, offsetHeight: height } = element;
      const left = Math.min(Math.max(x - width / 2, 4), stage.clientWidth - width - 4);
      const top = y - height - 16 < 4 ? y + 16 : y - height - 16;
      element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    },
    hide: () => void (element.hidden = true),
  };
}
