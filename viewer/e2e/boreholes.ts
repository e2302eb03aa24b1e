/** The dataset that the tests of the shell's views talk about. */

export const BOREHOLES = `ATTRS: {STORE_URL: boreholes.zarr, title: Borehole temperatures}
temperature:
  ATTRS: {description: Rock temperature in boreholes.}
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, description: Time of the measurement, chunk_size: 1024}
    borehole: {type: str, description: Name of the borehole, chunk_size: 16}
    depth: {unit: m, type: float64, chunk_size: 16}
  VARS:
    rock_temp: {coords: [date_time, borehole, depth], unit: degC, type: float32, description: Rock temperature}
    moisture: {coords: [date_time, borehole], unit: "%", type: float32}
`;

/** Readings, one per hour of a day. */
export function readings(day: string, n = 24, borehole = "B1"): string {
  const lines = Array.from({ length: n }, (_, i) => {
    const time = new Date(Date.parse(`${day}T00:00:00Z`) + i * 3_600_000).toISOString();
    return `${time},${borehole},0.5,${(8 + 3 * Math.sin(i / 4)).toFixed(2)},${40 + i}`;
  });
  return `date_time,borehole,depth,rock_temp,moisture\n${lines.join("\n")}\n`;
}

/** Two rows, of which the second has no depth. */
export const HALF_GOOD = "date_time,borehole,depth,rock_temp\n2025-02-01T00:00:00Z,B1,0.5,7.25\n2025-02-01T00:00:00Z,B1,deep,9\n";
