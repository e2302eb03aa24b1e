/** That the tests see what a person would see. */

import { describe, expect, it } from "vitest";
import { useSite } from "./site";

const site = useSite({
  schemas: { weather: "forecast:\n  COORDS: {t: {unit: {tick: s, tz: UTC}}}\n  VARS: {temperature: {coords: t, unit: degC}}\n" },
  fill: (site) => site.contribute("weather/forecast", "t,temperature\n2025-01-01T00:00:00Z,1.5\n"),
});

describe("the site of the tests", () => {
  it("shows the viewer of the built service", async () => {
    const page = await site.open();
    await page.getByRole("navigation").first().waitFor();
    expect(await page.evaluate(async () => (await fetch("api/v1/query/weather/forecast?format=csv")).text())).toContain("1.5");
  });
  it("draws WebGL, and sees its colours", async () => {
    const page = await site.open();
    await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      canvas.id = "drawn";
      document.body.replaceChildren(canvas);
      const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true });
      gl?.clearColor(1, 0.5, 0, 1);
      gl?.clear(gl.COLOR_BUFFER_BIT);
    });
    const pixels = await site.pixels(page.locator("#drawn"));
    expect(pixels.places([255, 128, 0], 2).length).toBe(pixels.width * pixels.height);
  });
});
