/** Time series, as a person reads them. */

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { PHONE, useSite, violations } from "./site";

const SCHEMA = `
logs:
  COORDS:
    t: {unit: {tick: s, tz: UTC}, chunk_size: 1024}
    place: {type: str, chunk_size: 8}
    depth: {type: float64, unit: m, chunk_size: 8}
  VARS:
    temperature: {coords: [t, place, depth], unit: degC, description: Temperature}
    humidity: {coords: [t, place], unit: "%", description: Humidity}
    pressure: {coords: [t, place], unit: hPa, description: Pressure}
`;
const START_S = Date.UTC(2025, 0, 1) / 1000;
const HOUR = 3600;
const DAYS = 40;
const time = (s: number): string => new Date(s * 1000).toISOString().replace(".000", "");

/** Every hour, but for day 20 to 22 at place A: a saw of 24 hours from 0 to 23 at depth 1, and 30 more at depth 2. */
function rows(): string {
  let text = "t,place,depth,temperature,humidity,pressure\n";
  for (let hour = 0; hour < DAYS * 24; hour++) {
    const at = time(START_S + hour * HOUR);
    for (const place of ["A", "B"]) {
      if (place === "A" && hour >= 20 * 24 && hour < 22 * 24) continue;
      for (const depth of [1, 2]) text += `${at},${place},${depth},${(hour % 24) + (depth === 2 ? 30 : 0)},${50 + (hour % 10)},${1000 + (hour % 7)}\n`;
    }
  }
  return text;
}

const site = useSite({ schemas: { stations: SCHEMA }, fill: (site) => site.contribute("stations/logs", rows()) });
const ONE = "?view=series&dataset=stations&node=logs&var=temperature&sel.place=A&sel.depth=1.0";
const BLUE: [number, number, number] = [0, 114, 178];

/** Waits until the plot is drawn from what was asked for, and nothing is on its way. */
async function drawn(page: Page): Promise<Locator> {
  await page.locator(".details-of-window .chart canvas").first().waitFor();
  await expect.poll(() => page.locator(".busy").textContent()).toBe("");
  await expect.poll(async () => page.evaluate(() => performance.getEntriesByType("resource").some((e) => e.name.includes("api/v1/query") && e.name.includes("max_points")))).toBe(true);
  await page.waitForFunction(() => new Promise((found) => requestAnimationFrame(() => requestAnimationFrame(() => found(true)))));
  return page.locator(".details-of-window .chart .u-over").first();
}
/** The window that the address tells, in seconds; none: all. */
function windowOf(page: Page): [number, number] | undefined {
  const query = new URL(page.url()).searchParams;
  const [from, to] = [query.get("from"), query.get("to")];
  return from === null || to === null ? undefined : [Date.parse(from) / 1000, Date.parse(to) / 1000];
}
/** How wide it is. */
function widthOf(page: Page): number {
  const [from, to] = windowOf(page) ?? [0, 1e9];
  return to - from;
}
const boxOf = async (over: Locator): Promise<{ x: number; y: number; width: number; height: number }> => {
  const box = await over.boundingBox();
  if (box === null) throw new Error("the plot is not seen");
  return box;
};

describe("a time series", () => {
  it("is drawn where its values are, and a gap has no line", async () => {
    const page = await site.open(`${ONE}&from=2025-01-19T00:00:00Z&to=2025-01-25T00:00:00Z`);
    const over = await drawn(page);
    const pixels = await site.pixels(over);
    const places = pixels.places(BLUE, 40);
    expect(places.length).toBeGreaterThan(500);
    const xOf = (day: number): number => ((day - 19) / 6) * pixels.width;
    // January 21 and 22 are absent: between the last value on 20 January and the first on 23 January nothing is drawn.
    expect(places.filter(({ x }) => x > xOf(21) + 1 && x < xOf(23) - 3)).toEqual([]);
    // The saw: at 0:00 the value is least, at 23:00 greatest.
    const low = places.filter(({ x }) => Math.abs(x - xOf(20)) < 3).map(({ y }) => y);
    const high = places.filter(({ x }) => Math.abs(x - xOf(20 + 23 / 24)) < 3).map(({ y }) => y);
    expect(Math.max(...low)).toBeGreaterThan(pixels.height * 0.9);
    expect(Math.min(...high)).toBeLessThan(pixels.height * 0.1);
    // At noon the line is in the middle: 12 of 0 to 23.
    const noon = places.filter(({ x }) => Math.abs(x - xOf(20.5)) < 1.5).map(({ y }) => y);
    const middle = noon.reduce((a, b) => a + b, 0) / noon.length / pixels.height;
    expect(middle).toBeCloseTo(1 - (12 + 23 * 0.06) / (23 * 1.12), 1);
  });

  it("is moved by dragging, and brought nearer by the wheel, keys and a box; double click shows all", async () => {
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-14T00:00:00Z`);
    const over = await drawn(page);
    const box = await boxOf(over);
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    await page.mouse.move(middle.x, middle.y);
    await page.mouse.down();
    await page.mouse.move(middle.x + box.width / 4, middle.y, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => windowOf(page)?.map((s) => Math.round((s - START_S) / HOUR))).toEqual([8 * 24, 12 * 24]);
    await page.mouse.wheel(0, -300);
    await expect.poll(() => widthOf(page) / HOUR).toBeLessThan(90);
    await page.locator(".details-of-window .chart").first().focus();
    const [from = 0, to = 0] = windowOf(page) ?? [];
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => windowOf(page)?.[0]).toBeCloseTo(from + (to - from) / 10, 0);
    await page.keyboard.press("+");
    await expect.poll(() => widthOf(page)).toBeCloseTo((to - from) * 0.7, 0);
    const [left = 0, right = 0] = windowOf(page) ?? [];
    await page.keyboard.down("Shift");
    await page.mouse.move(box.x + box.width * 0.25, middle.y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, middle.y, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up("Shift");
    await expect.poll(() => widthOf(page)).toBeCloseTo((right - left) / 2, -2);
    await page.mouse.dblclick(middle.x, middle.y);
    await expect.poll(() => windowOf(page)).toBeUndefined();
  });

  it("has an overview of everything, whose window moves the detail; a length follows the newest value", async () => {
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-14T00:00:00Z`);
    await drawn(page);
    const overview = page.locator(".overview .u-over");
    const box = await boxOf(overview);
    const at = (day: number): number => box.x + ((day - 1) / DAYS) * box.width;
    await page.mouse.move(at(12), box.y + 20);
    await page.mouse.down();
    await page.mouse.move(at(22), box.y + 20, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => Math.round(((windowOf(page)?.[0] ?? 0) - START_S) / 86_400)).toBe(19);
    await page.getByRole("button", { name: "7 d" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("x.span")).toBe("7d");
    await expect.poll(() => page.locator(".plots-title").textContent()).toContain("9 Feb 2025");
    await page.reload();
    await drawn(page);
    expect(await page.getByRole("button", { name: "7 d" }).getAttribute("aria-pressed")).toBe("true");
  });

  it("is asked for at the scale of the window", async () => {
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-14T00:00:00Z`);
    const asked: URL[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/api/v1/query/")) asked.push(new URL(request.url()));
    });
    const over = await drawn(page);
    const { width } = await boxOf(over);
    asked.length = 0;
    await page.getByRole("button", { name: "All", exact: true }).click();
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    const n = Number(asked.at(-1)?.searchParams.get("max_points"));
    expect(n).toBeGreaterThan(width);
    expect(n).toBeLessThan(width * 7);
    await drawn(page);
    const before = asked.length;
    // A little further: what is there reaches as far.
    await page.locator(".details-of-window .chart").first().focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => windowOf(page)).toBeDefined();
    expect(asked.slice(before).length).toBe(0);
  });

  it("tells time, value, unit and place under the cursor, and asks where the value is from", async () => {
    site.allow(/404/);
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-11T00:00:00Z`);
    const over = await drawn(page);
    const box = await boxOf(over);
    // 7:00 on a day from 0:00 to 24:00, at the height of 7 of 0 to 23.
    const origin = page.waitForRequest(/api\/v1\/origin\/stations\/logs/);
    await page.mouse.move(box.x + (7 / 24) * box.width, box.y + box.height * 0.7);
    await expect.poll(() => page.locator(".readout").textContent()).toContain("10 Jan 2025, 07:00:00 UTC");
    await expect.poll(() => page.locator(".readout").textContent()).toMatch(/7 °C.*Temperature · A · 1 m/);
    await expect.poll(() => page.locator(".legend .series").first().textContent()).toContain("7 °C");
    const query = new URL((await origin).url()).searchParams;
    expect([query.get("var"), query.get("sel.t"), query.get("sel.place"), query.get("sel.depth")]).toEqual(["temperature", "2025-01-10T07:00:00Z", "A", "1.0"]);
    const answer = await (await origin).response();
    await expect.poll(() => page.locator(".readout").textContent()).toMatch(answer?.ok() ? /from contribution .*received/ : /not known/);
    if (answer?.ok()) expect(await page.locator(".readout a").getAttribute("href")).toContain("view=contributions");
  });
});

describe("several series", () => {
  it("are chosen by chips: quantities, places and depths; the link keeps them", async () => {
    const page = await site.open(ONE);
    await drawn(page);
    await page.getByRole("button", { name: "B", exact: true }).click();
    await page.getByRole("button", { name: "2 m", exact: true }).click();
    await expect.poll(() => page.locator(".legend .series").count()).toBe(4);
    await page.getByRole("button", { name: /Humidity/ }).first().click();
    await expect.poll(() => page.locator(".legend .series").count()).toBe(6);
    await page.reload();
    await drawn(page);
    await expect.poll(() => page.locator(".legend .series").count()).toBe(6);
    // Two units: an axis on each side.
    const pixels = await site.pixels(page.locator(".details-of-window .chart").first());
    expect(pixels.places([204, 121, 167], 40).length, "temperature at B, 2 m").toBeGreaterThan(100);
    expect(pixels.places([86, 180, 233], 40).length, "humidity at B").toBeGreaterThan(100);
    await expect.poll(() => page.locator(".callout").count()).toBe(0);
    await page.getByRole("button", { name: /Pressure/ }).first().click();
    await expect.poll(() => page.locator(".callout").textContent()).toContain("Two units fit in one plot; hPa");
    await expect.poll(() => page.locator(".details-of-window .chart").count()).toBe(1);
    await page.getByRole("button", { name: "Show it below" }).click();
    await expect.poll(() => page.locator(".details-of-window .chart").count()).toBe(2);
  });

  it("are switched in the legend", async () => {
    const page = await site.open(ONE);
    const over = await drawn(page);
    const before = (await site.pixels(over)).places(BLUE, 40).length;
    await page.locator(".legend .series").first().click();
    expect(await page.locator(".legend .series").first().getAttribute("aria-pressed")).toBe("false");
    await page.mouse.move(0, 0);
    expect(before).toBeGreaterThan(100);
    expect((await site.pixels(over)).places(BLUE, 40).length).toBe(0);
  });

  it("are shown in another unit and another time zone", async () => {
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-11T00:00:00Z&unit.temperature=K`);
    const over = await drawn(page);
    const box = await boxOf(over);
    await page.mouse.move(box.x + (7 / 24) * box.width, box.y + box.height * 0.7);
    await expect.poll(() => page.locator(".readout").textContent()).toContain("280.15 K");
    await page.evaluate(() => localStorage.setItem("zf.zone", "Europe/Prague"));
    await page.reload();
    await drawn(page);
    await page.mouse.move(box.x + (7 / 24) * box.width, box.y + box.height * 0.71);
    await expect.poll(() => page.locator(".readout").textContent()).toContain("08:00:00");
    expect(await page.getByLabel("Unit of Temperature").inputValue()).toBe("K");
  });

  it("can be read as a table, and are usable by keyboard and screen reader", async () => {
    const page = await site.open(`${ONE}&from=2025-01-10T00:00:00Z&to=2025-01-10T05:00:00Z`, { size: PHONE });
    await drawn(page);
    await page.getByText("Values as a table").click();
    await expect.poll(() => page.locator(".values-table tbody tr").count()).toBe(6);
    await expect.poll(() => page.locator(".values-table tbody tr").nth(3).textContent()).toMatch(/03:00:003$/);
    expect(await violations(page)).toEqual([]);
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  });
});

describe("what is seen", () => {
  const WINDOW = "&from=2025-01-10T00:00:00Z&to=2025-01-12T23:00:00Z";
  it("is downloaded as CSV, Parquet and a picture", async () => {
    const page = await site.open(ONE + WINDOW);
    await drawn(page);
    const file = async (button: string): Promise<Buffer> => {
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: button }).click();
      return readFileSync(await (await download).path());
    };
    const csv = (await file("CSV")).toString().trim().split("\n");
    expect([csv.length, csv[0], csv[8]]).toEqual([73, "t,place,depth,temperature", "2025-01-10T07:00:00Z,A,1.0,7.0"]);
    expect((await file("Parquet")).subarray(0, 4).toString()).toBe("PAR1");
    const png = await file("Picture (PNG)");
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(png.readUInt32BE(16)).toBeGreaterThan(500);
    expect(png.length).toBeGreaterThan(5000);
  });

  it("can be had by the copied lines for curl and xarray", async () => {
    const page = await site.open(ONE + WINDOW);
    await drawn(page);
    await page.getByText("For scripts").click();
    await expect.poll(() => page.locator(".copy code").count()).toBe(2);
    const [curl = "", python = ""] = await page.locator(".copy code").allTextContents();
    expect(curl).toMatch(/^curl 'http/);
    const answer = (await promisify(execFile)("sh", ["-c", curl])).stdout;
    const values = answer.trim().split("\n").slice(1).map((line) => Number(line.split(",").at(-1)));
    expect(values).toEqual(Array.from({ length: 72 }, (_, i) => i % 24));
    const interpreter = process.env.ZF_PYTHON ?? "";
    if (!existsSync(interpreter)) return;
    const lines = python.split("\n");
    const script = [...lines.slice(0, -1), `found = ${lines.at(-1) ?? ""}`, "print(','.join(str(float(v)) for v in found['temperature'].values.ravel()))"].join("\n");
    const found = (await promisify(execFile)(interpreter, ["-c", script])).stdout.trim().split(",").map(Number);
    expect(found).toEqual(values);
  });
});

describe("new data", () => {
  it("appears within two seconds where the window follows, and the view does not jump where it stays", async () => {
    const page = await site.open(`?view=series&dataset=stations&node=logs&var=temperature&sel.place=B&sel.depth=1.0&x.span=24h`);
    await drawn(page);
    await expect.poll(() => page.locator(".plots-bar .pill").textContent()).toBe("Follows new data");
    await expect.poll(() => page.locator(".plots-bar .pill").getAttribute("class"), { message: "events arrive" }).toContain("ok");
    const end = START_S + DAYS * 24 * HOUR;
    const words = page.locator(".plots-title .num");
    await site.contribute("stations/logs", `t,place,depth,temperature\n${time(end)},B,1,5\n`);
    const begin = Date.now();
    await expect.poll(() => words.textContent(), { interval: 20 }).toContain("10 Feb 2025, 00:00");
    expect(Date.now() - begin).toBeLessThan(2000);

    const still = await site.open(`?view=series&dataset=stations&node=logs&var=temperature&sel.place=B&sel.depth=1.0&from=2025-02-09T12:00:00Z&to=2025-02-10T12:00:00Z`);
    const over = await drawn(still);
    await expect.poll(() => still.locator("text=Live").count()).toBeGreaterThan(0);
    const before = await site.pixels(over);
    const text = await still.locator(".plots-title .num").textContent();
    await site.contribute("stations/logs", `t,place,depth,temperature\n${time(end + HOUR)},B,1,12\n`);
    const since = Date.now();
    const isNew = ({ x }: { x: number }): boolean => x > before.width * (12.5 / 24) + 3;
    await expect.poll(async () => (await site.pixels(over)).places(BLUE, 40).filter(isNew).length, { interval: 20 }).toBeGreaterThan(5);
    expect(Date.now() - since).toBeLessThan(2000 + 1000); // a screenshot takes its time here
    await expect.poll(() => still.locator(".plots-title .num").textContent()).toBe(text);
    await expect.poll(() => new URL(still.url()).searchParams.get("from")).toBe("2025-02-09T12:00:00Z");
  });
});
