/** Colour scales that people with any kind of colour vision can read: cividis for quantities, Okabe and Ito's for series. */

/** Points of the cividis map, evenly spaced. */
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

/** Colours of series, told apart also by people who see red and green alike. */
export const SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f"] as const;

/** Colour of a part between 0 and 1, as red, green and blue from 0 to 255. */
export function cividis(part: number): [number, number, number] {
  const at = Math.min(Math.max(part, 0), 1) * (CIVIDIS.length - 1);
  const i = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const [from, to] = [channels(CIVIDIS[i] ?? ""), channels(CIVIDIS[i + 1] ?? "")];
  const mix = (c: 0 | 1 | 2): number => Math.round(from[c] + (to[c] - from[c]) * (at - i));
  return [mix(0), mix(1), mix(2)];
}

export const css = ([r, g, b]: [number, number, number]): string => `rgb(${r},${g},${b})`;

function channels(colour: string): [number, number, number] {
  const n = parseInt(colour.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}
