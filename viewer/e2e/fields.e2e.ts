/** Profiles, fields and pairs of quantities, as a person reads them. */

import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { cividis } from "../src/colours";
import { useSite, violations } from "./site";

const SCHEMAS = {
  ground: `
logs:
  COORDS: {t: {unit: {tick: s, tz: UTC}, chunk_size: 256}, depth: {type: float64, unit: m, chunk_size: 8}}
  VARS:
    temperature: {coords: [t, depth], unit: degC, description: Temperature}
    double: {coords: [t, depth], unit: "%", description: Double and one}
`,
  sky: `
fields:
  COORDS: {t: {unit: {tick: s, tz: UTC}, chunk_size: 256}, lat: {type: float64, unit: degrees_north, chunk_size: 8}, lon: {type: float64, unit: degrees_east, chunk_size: 8}}
  VARS: {rain: {coords: [t, lat, lon], unit: mm, description: Rain}}
`,
  alone: `
logs:
  COORDS: {t: {unit: {tick: s, tz: UTC}, chunk_size: 256}}
  VARS: {level: {coords: [t], unit: m}}
`,
};
const START_S = Date.UTC(2025, 0, 1) / 1000;
const HOUR = 3600;
const time = (s: number): string => new Date(s * 1000).toISOString().replace(".000", "");

const site = useSite({
  schemas: SCHEMAS,
  async fill(site) {
    // Temperature: 10 times the depth and the hour of 48; nothing at depth 2 in the second day.
    let text = "t,depth,temperature,double\n";
    for (let hour = 0; hour < 48; hour++) {
      for (const depth of [0, 1, 2, 3]) if (depth !== 2 || hour < 24) text += `${time(START_S + hour * HOUR)},${depth},${10 * depth + hour},${2 * (10 * depth + hour) + 1}\n`;
    }
    await site.contribute("ground/logs", text);
    // Rain: row and column, and 100 more in the second image; the first place has none.
    text = "t,lat,lon,rain\n";
    for (const image of [0, 1, 2]) {
      for (let row = 0; row < 4; row++) for (let column = 0; column < 8; column++) if (row + column > 0) text += `${time(START_S + image * HOUR)},${50 + row},${10 + column},${image * 10 + row + column}\n`;
    }
    await site.contribute("sky/fields", text);
    await site.contribute("alone/logs", "t,level\n2025-01-01T00:00:00Z,1\n2025-01-01T01:00:00Z,2\n");
  },
});

async function stage(page: Page): Promise<Locator> {
  const found = page.locator(".stage");
  await found.waitFor();
  await expect.poll(() => found.getAttribute("data-range")).toMatch(/^-?[\d.]+\/[\d.]+$/);
  await page.waitForFunction(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true)))));
  return page.locator(".stage .over");
}
const near = (a: number[], b: number[]): boolean => a.every((c, i) => Math.abs(c - (b[i] ?? -99)) <= 6);

describe("a profile over time", () => {
  const ADDRESS = "?view=fields&dataset=ground&node=logs&var=temperature";
  it("has the colour of its value in each cell, and nothing where there is no value", async () => {
    const page = await site.open(ADDRESS);
    const over = await stage(page);
    const pixels = await site.pixels(over);
    // From 0:00 of the first hour to 0:00 of the last, of which nothing is seen; depth 0 on top, rows reach halfway to each other.
    const at = (hour: number, depth: number): number[] => pixels.at(((hour + 0.5) / 47) * (pixels.width - 1), ((depth + 0.5) / 4) * (pixels.height - 1));
    const [min, max] = [0, 30 + 46];
    for (const [hour, depth] of [[0, 0], [20, 0], [46, 0], [10, 1], [30, 3], [46, 3], [5, 2]] as const) {
      const wanted = cividis((10 * depth + hour - min) / (max - min));
      expect(near(at(hour, depth), wanted), `${hour} h, ${depth} m: ${at(hour, depth).join()} is ${wanted.join()}`).toBe(true);
    }
    const panel = await page.evaluate(() => getComputedStyle(document.querySelector(".panel.pad.stack") as Element).backgroundColor.match(/\d+/g)?.map(Number) ?? []);
    expect(near(at(40.3, 2), panel), "no value: transparent").toBe(true);
  });

  it("shows value and profile at the cursor, and a legend with unit and range", async () => {
    const page = await site.open(ADDRESS);
    const over = await stage(page);
    const box = await over.boundingBox();
    if (box === null) throw new Error("not seen");
    const profile = page.locator("canvas.profile");
    const before = await site.pixels(profile);
    await page.mouse.move(box.x + (10.5 / 47) * box.width, box.y + (1.5 / 4) * box.height);
    await expect.poll(() => page.locator(".readout").textContent()).toBe("1 Jan 2025, 10:00:001 m20 °C");
    expect(await profile.getAttribute("aria-label")).toBe("Profile at 1 Jan 2025, 10:00");
    expect((await site.pixels(profile)).different(before)).toBeGreaterThan(50);
    expect(await page.locator(".colour-bar").getAttribute("aria-label")).toMatch(/Temperature, °C: 0 – 76/);
    expect(await violations(page)).toEqual([]);
  });

  it("zooms in time, and is asked for as means at the scale of the window", async () => {
    const page = await site.open(ADDRESS);
    const asked = page.waitForRequest(/resample=/);
    await stage(page);
    expect(new URL((await asked).url()).searchParams.get("agg")).toBe("mean");
    await page.locator(".stage").focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("+");
    await expect.poll(() => new URL(page.url()).searchParams.get("from")).toMatch(/^2025-01-01T1[4-6]:/);
    await page.getByRole("button", { name: "All", exact: true }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBeNull();
  });
});

describe("a field", () => {
  it("is an image with the colours of its cells, north above, and a slider of time", async () => {
    const page = await site.open("?view=fields&dataset=sky&node=fields");
    const over = await stage(page);
    await expect.poll(() => page.getByRole("tab", { selected: true }).textContent()).toBe("Field");
    const check = async (image: number, range: [number, number]): Promise<void> => {
      const pixels = await site.pixels(over);
      for (const [row, column] of [[3, 0], [0, 7], [2, 4]] as const) {
        const found = pixels.at(((column + 0.5) / 8) * pixels.width, ((3 - row + 0.5) / 4) * pixels.height);
        const wanted = cividis((image * 10 + row + column - range[0]) / (range[1] - range[0]));
        expect(near(found, wanted), `image ${image}, row ${row}, column ${column}`).toBe(true);
      }
    };
    await check(2, [21, 30]);
    await page.getByRole("button", { name: "One step back" }).click();
    await expect.poll(() => page.locator(".stage").getAttribute("data-drawn")).toBe("1");
    await expect.poll(() => page.locator(".when").textContent()).toBe("1 Jan 2025, 01:00:00 UTC");
    await check(1, [11, 30]);
    await page.getByLabel("Time", { exact: true }).fill("0");
    await expect.poll(() => page.locator(".stage").getAttribute("data-drawn")).toBe("0");
    await check(0, [1, 30]);
    const box = await over.boundingBox();
    if (box === null) throw new Error("not seen");
    await page.mouse.move(box.x + (4.5 / 8) * box.width, box.y + (1.5 / 4) * box.height);
    await expect.poll(() => page.locator(".readout").textContent()).toBe("lat 52, lon 146 mm");
    await page.mouse.move(box.x + (0.5 / 8) * box.width, box.y + (3.5 / 4) * box.height);
    await expect.poll(() => page.locator(".readout").textContent()).toContain("no value");
    expect(await violations(page)).toEqual([]);
  });

  it("plays", async () => {
    const page = await site.open("?view=fields&dataset=sky&node=fields&x.index=0");
    await stage(page);
    await page.getByRole("button", { name: "Play" }).click();
    await expect.poll(() => page.locator(".stage").getAttribute("data-drawn")).toBe("2");
    await page.getByRole("button", { name: "Pause" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Play" }).count()).toBe(1);
  });
});

describe("two quantities", () => {
  it("have their pairs drawn with the line of least squares, Pearson's correlation and their number", async () => {
    const page = await site.open("?view=fields&dataset=ground&node=logs&x.tab=scatter&sel.depth=2.0");
    const facts = page.locator(".correlation");
    await expect.poll(() => facts.textContent()).toMatch(/Pairs24.*correlation1\.0000.*y = 1 \+ 2 · x/);
    const pixels = await site.pixels(page.locator("canvas.scatter"));
    expect(pixels.places([213, 94, 0], 30).length, "the line").toBeGreaterThan(300);
    expect(await violations(page)).toEqual([]);
  });
});

describe("the kind of plot", () => {
  it("follows from the dimensions, and a sentence says what is not possible", async () => {
    const page = await site.open("?view=fields&dataset=ground&node=logs");
    await stage(page);
    expect(await page.getByRole("tab").allTextContents()).toEqual(["Profile over time", "Two quantities"]);
    await expect.poll(() => page.locator("main").textContent()).toContain("A field needs a quantity along two coordinates of numbers");
    await page.getByRole("tab", { name: "Two quantities" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("x.tab")).toBe("scatter");
    const alone = await site.open("?view=fields&dataset=alone&node=logs");
    await expect.poll(() => alone.locator("main").textContent()).toContain("None of these plots is possible for this node");
  });
});
