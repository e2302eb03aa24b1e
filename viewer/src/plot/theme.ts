/** Colours of the theme, for canvases. */

import { SERIES } from "../colours";

const FALLBACK: Record<string, [light: string, dark: string]> = {
  "--bg": ["#ffffff", "#11161c"],
  "--panel": ["#f6f8fa", "#1a212a"],
  "--text": ["#16202a", "#e4eaf0"],
  "--muted": ["#5b6b7a", "#9aa9b8"],
  "--line": ["#d9e0e6", "#2c3742"],
  "--accent": ["#0a6c8f", "#53b9da"],
};

/** The value of a custom property of the page. */
export function colour(name: string): string {
  const found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  if (found !== "") return found;
  const [light, dark] = FALLBACK[name] ?? ["#808080", "#808080"];
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches) ? dark : light;
}

/** Dashes that tell series apart once colours repeat. */
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];

/** Colour and dash of the n-th series. */
export const style = (n: number): { colour: string; dash: number[] } => ({
  colour: SERIES[n % SERIES.length] ?? "#808080",
  dash: DASHES[Math.floor(n / SERIES.length) % DASHES.length] ?? [],
});
