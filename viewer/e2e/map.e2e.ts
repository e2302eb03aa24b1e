/** The map, as a person uses it. */

import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { cividis } from "../src/colours";
import { parseCamera } from "../src/map/choice";
import { type LonLat, toMercator } from "../src/map/mercator";
import type { Rgb } from "./pixels";
import { type Look, PHONE, useSite, violations } from "./site";

const QUARTERS = '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><path fill="#f00" d="M0 0h50v50H0z"/><path fill="#0f0" d="M50 0h50v50H50z"/><path fill="#00f" d="M0 50h50v50H0z"/><path fill="#ff0" d="M50 50h50v50H50z"/></svg>';

const SCHEMAS = {
  rocks: `
temperature:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, chunk_size: 64}
    borehole: {type: str, sorted: false, chunk_size: 16}
    depth: {unit: m, chunk_size: 8}
  VARS:
    rock_temp: {coords: [date_time, borehole, depth], unit: degC}
    air_temp: {coords: [date_time, borehole], unit: degC}
    longitude: {coords: borehole, unit: degrees_east}
    latitude: {coords: borehole, unit: degrees_north}
`,
  forecasts: `
hourly:
  COORDS:
    date_time: {unit: {tick: h, tz: UTC}}
    place: {composed: [latitude, longitude]}
  VARS:
    latitude: {coords: place, unit: degrees_north}
    longitude: {coords: place, unit: degrees_east}
    location: {coords: place, type: str}
    wind_speed: {coords: [date_time, place], unit: m/s}
`,
  fields: `
rain:
  COORDS:
    date_time: {unit: {tick: h, tz: UTC}, chunk_size: 16}
    lat: {unit: degrees_north, chunk_size: 16}
    lon: {unit: degrees_east, chunk_size: 16}
  VARS:
    amount: {coords: [date_time, lat, lon], unit: mm}
`,
  mine: `
ATTRS:
  STORE_URL: mine.zarr
  map_overlays:
    - url: "data:image/svg+xml,${encodeURIComponent(QUARTERS)}"
      title: Mine map
      attribution: Survey of 1987
      opacity: 1
      points: [{pixel: [0, 0], lon_lat: [14.0, 50.2]}, {pixel: [100, 0], lon_lat: [14.4, 50.2]}, {pixel: [0, 100], lon_lat: [14.0, 50.0]}]
    - {url: "data:image/png;base64,", title: Too little, points: [{pixel: [0, 0], lon_lat: [14, 50]}]}
shafts:
  COORDS: {shaft: {type: str, sorted: false}}
  VARS:
    lng: {coords: shaft, unit: deg}
    Lat: {coords: shaft, unit: deg}
    bottom: {coords: shaft, unit: m}
`,
};

/** Values at 0.5 m from 0 to 10, so that parts of the scale are values over ten. */
const HOLES: [string, number, number, number][] = [["west", 14, 50, 0], ["middle", 15, 50, 4], ["east", 16, 50, 10], ["quiet", 15.3, 49.3, NaN], ["crowd-1", 18, 49, 2], ["crowd-2", 18.01, 49, 4], ["crowd-3", 18, 49.01, 6]];
const CAMERA = "16,49.6,6.5";

const site = useSite({
  schemas: SCHEMAS,
  fill: async ({ contribute }) => {
    const places = HOLES.map(([name, x, y]) => `${name},${x},${y}`);
    await contribute("rocks/temperature", `borehole,longitude,latitude\n${places.join("\n")}\n`);
    const rows = HOLES.filter(([, , , value]) => !Number.isNaN(value)).flatMap(([name, , , value]) => [`2025-01-01T00:00:00Z,${name},0.5,9`, `2025-01-02T00:00:00Z,${name},0.5,${value}`, `2025-01-02T00:00:00Z,${name},1.5,${10 - value}`]);
    await contribute("rocks/temperature", `date_time,borehole,depth,rock_temp\n${rows.join("\n")}\n`);
    const soon = new Date(Date.now() + 5 * 3_600_000).toISOString();
    await contribute("forecasts/hourly", `date_time,latitude,longitude,location,wind_speed\n2025-01-01T00:00:00Z,50.0755,14.4378,Praha,3\n2025-01-01T00:00:00Z,49.1951,16.6068,Brno,5\n${soon},50.0755,14.4378,Praha,8\n`);
    const cells = [0, 1, 2].flatMap((j) => [0, 1, 2, 3].map((i) => `2025-01-01T00:00:00Z,${48 + j},${14 + i},${i + 4 * j}\n2025-01-02T00:00:00Z,${48 + j},${14 + i},${j === 2 && i === 3 ? "" : 11 - i - 4 * j}`));
    await contribute("fields/rain", `date_time,lat,lon,amount\n${cells.join("\n")}\n`);
    await contribute("mine/shafts", "shaft,lng,Lat,bottom\nMary,14.5,50.1,-400\n");
  },
});

async function openMap(address: string, look: Look = {}): Promise<{ page: Page; stage: Locator }> {
  const page = await site.open(`?view=map${address}`, look);
  const stage = page.locator(".map-stage");
  await page.locator(".map-stage[data-idle]").waitFor();
  return { page, stage };
}

/** Where a place is on a stage, in its pixels. */
async function at(stage: Locator, camera: string, lonLat: LonLat): Promise<{ x: number; y: number }> {
  const { longitude, latitude, zoom } = parseCamera(camera) ?? { longitude: 0, latitude: 0, zoom: 0 };
  const box = await stage.boundingBox();
  const [[x, y], [cx, cy]] = [toMercator(lonLat), toMercator([longitude, latitude])];
  const scale = 512 * 2 ** zoom;
  return { x: (box?.width ?? 0) / 2 + (x - cx) * scale, y: (box?.height ?? 0) / 2 + (y - cy) * scale };
}

/** The colour at a place of the map. */
async function seen(stage: Locator, camera: string, lonLat: LonLat): Promise<Rgb> {
  const [{ x, y }, box] = [await at(stage, camera, lonLat), await stage.boundingBox()];
  const clip = { x: Math.round(x + (box?.x ?? 0)), y: Math.round(y + (box?.y ?? 0)), width: 1, height: 1 };
  return (await site.pixels(stage.page(), clip)).at(0, 0);
}

const isNear = (a: Rgb, b: readonly number[], tolerance = 5): boolean => a.every((c, i) => Math.abs(c - (b[i] ?? -999)) <= tolerance);

/** Waits until a place of the map has a colour. */
async function expectColour(stage: Locator, camera: string, lonLat: LonLat, colour: readonly number[], tolerance = 5): Promise<void> {
  await expect.poll(async () => {
    const found = await seen(stage, camera, lonLat);
    return isNear(found, colour, tolerance) ? colour : found;
  }).toEqual(colour);
}

async function themeColour(stage: Locator, name: string): Promise<Rgb> {
  const text = await stage.evaluate((element, name) => {
    element.style.outlineColor = `var(${name})`;
    return getComputedStyle(element).outlineColor;
  }, name);
  return (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number) as Rgb;
}

const ROCKS = `&dataset=rocks&node=temperature&var=rock_temp&x.at=${CAMERA}`;
const row = (page: Page, name: string): Locator => page.locator(".map-list li", { hasText: name });

describe("the map beneath", () => {
  it("works offline: coastlines, borders and a labelled graticule come with the viewer", async () => {
    const elsewhere: string[] = [];
    const page = await site.open("");
    page.on("request", (request) => {
      if (!request.url().startsWith(site.url) && !/^(data|blob):/.test(request.url())) elsewhere.push(request.url());
    });
    await page.goto(`${site.url}?view=map&dataset=rocks&x.at=0,50,3.2`);
    const stage = page.locator(".map-stage");
    const [water, land, coast] = [await themeColour(stage, "--map-water"), await themeColour(stage, "--map-land"), await themeColour(stage, "--map-coast")];
    await expectColour(stage, "0,50,3.2", [2.3, 47], land);
    await expectColour(stage, "0,50,3.2", [-12, 47.3], water);
    const pixels = await site.pixels(stage);
    expect(pixels.places(coast, 12).length).toBeGreaterThan(500);
    const labels = await page.locator(".map-degrees span:visible").allTextContents();
    expect(labels).toEqual(expect.arrayContaining(["10° E", "50° N"]));
    expect(elsewhere).toEqual([]);
    await expect.poll(() => stage.textContent()).toContain("Natural Earth");
  });

  it("may be a configured base map", async () => {
    const orange = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR4nGM4UaGBFTEMLQkAUtVaAV8W4QQAAAAASUVORK5CYII=", "base64");
    const page = await site.open("");
    await page.route("**/api/v1/viewer", (route) => route.fulfill({ json: { title: "t", base_map: { kind: "tiles", url: `${site.url}tiles/{z}/{x}/{y}.png`, attribution: "Our tiles" } } }));
    await page.route("**/tiles/**", (route) => route.fulfill({ body: orange, contentType: "image/png" }));
    await page.goto(`${site.url}?view=map&dataset=rocks&x.at=0,50,3.2`);
    const stage = page.locator(".map-stage");
    await stage.getByText("Our tiles").waitFor();
    for (const lonLat of [[2.3, 47], [-12, 47.3]] as LonLat[]) await expectColour(stage, "0,50,3.2", lonLat, [200, 120, 40]);
  });
});

describe("stations", () => {
  it("have the colour that the legend gives their newest value", async () => {
    const { page, stage } = await openMap(ROCKS);
    const legend = page.getByRole("group", { name: "Legend" });
    await expect.poll(() => legend.textContent()).toContain("rock_temp °C");
    expect(await legend.locator(".map-legend-ticks span").allTextContents()).toEqual(["0", "5", "10"]);
    for (const [lonLat, part] of [[[14, 50], 0], [[15, 50], 0.4], [[16, 50], 1]] as [LonLat, number][]) await expectColour(stage, CAMERA, lonLat, cividis(part));
    const bar = await site.pixels(legend.locator(".map-legend-bar"));
    expect(isNear(bar.at(Math.round(bar.width * 0.4), 6), cividis(0.4), 8)).toBe(true);
    // One without a value is hollow.
    const hollow = await seen(stage, CAMERA, [15.3, 49.3]);
    expect(isNear(hollow, await themeColour(stage, "--map-land"))).toBe(true);
  });

  it("take the range that is chosen, and keep it in the link", async () => {
    const { page, stage } = await openMap(ROCKS);
    await page.getByText("Adjust range").click();
    await page.getByLabel("Range to").fill("20");
    await page.getByLabel("Range to").press("Enter");
    await expectColour(stage, CAMERA, [16, 50], cividis(0.5));
    await expect.poll(() => new URL(page.url()).searchParams.get("x.range")).toBe("0,20");
    await page.getByRole("button", { name: "Automatic" }).click();
    await expectColour(stage, CAMERA, [16, 50], cividis(1));
  });

  it("show another depth when it is chosen", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [16, 50], cividis(1));
    await page.getByLabel("depth").selectOption({ label: "1.5 m" });
    await expectColour(stage, CAMERA, [16, 50], cividis(0));
    await expect.poll(() => new URL(page.url()).searchParams.get("sel.depth")).toBe("1.5");
  });

  it("make clusters where they are dense, which come apart when clicked", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [16, 50], cividis(1));
    const cluster = await at(stage, CAMERA, [18.0033, 49.0033]);
    await stage.hover({ position: cluster });
    await page.getByText("3 stations, click to zoom in").waitFor();
    await stage.click({ position: cluster });
    await expect.poll(() => Number(new URL(page.url()).searchParams.get("x.at")?.split(",")[2])).toBeGreaterThan(9);
    const camera = new URL(page.url()).searchParams.get("x.at") ?? "";
    await expectColour(stage, camera, [18, 49], cividis(0.2), 12);
    await expectColour(stage, camera, [18, 49.01], cividis(0.6), 12);
  });

  it("tell name, value, unit and time when they are pointed at, on the map or in the list", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [15, 50], cividis(0.4));
    await stage.hover({ position: await at(stage, CAMERA, [15, 50]) });
    const tip = page.getByRole("tooltip");
    await expect.poll(() => tip.textContent()).toMatch(/middle.*rock_temp: 4\.?0* °C.*2 Jan 2025/);
    await stage.hover({ position: { x: 300, y: 300 } });
    await tip.waitFor({ state: "hidden" });
    await row(page, "east").getByRole("checkbox").focus();
    await expect.poll(() => tip.textContent()).toContain("east");
    const box = await tip.boundingBox();
    const [marker, frame] = [await at(stage, CAMERA, [16, 50]), await stage.boundingBox()];
    expect(Math.abs((box?.x ?? 0) + (box?.width ?? 0) / 2 - marker.x - (frame?.x ?? 0))).toBeLessThan(20);
  });
});

describe("a selection", () => {
  it("is made by clicks and in the list, the same in both, and goes into the link", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [15, 50], cividis(0.4));
    const accent = await themeColour(stage, "--accent");
    const before = (await site.pixels(stage)).places(accent, 10).length;
    await stage.click({ position: await at(stage, CAMERA, [15, 50]) });
    await expect.poll(() => row(page, "middle").getByRole("checkbox").isChecked()).toBe(true);
    await expect.poll(async () => (await site.pixels(stage)).places(accent, 10).length).toBeGreaterThan(before + 60);
    await row(page, "west").getByRole("checkbox").focus();
    await page.keyboard.press("Space");
    await expect.poll(() => new URL(page.url()).searchParams.get("sel.borehole")).toBe("west,middle");
    await page.goBack();
    await expect.poll(() => row(page, "west").getByRole("checkbox").isChecked()).toBe(false);
    await page.getByRole("button", { name: "Clear" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("sel.borehole")).toBe(null);
  });

  for (const how of ["Shift", "the button"]) {
    it(`is made by a box, with ${how}`, async () => {
      const { page, stage } = await openMap(ROCKS);
      await expectColour(stage, CAMERA, [15, 50], cividis(0.4));
      const frame = await stage.boundingBox();
      const [from, to] = [await at(stage, CAMERA, [13.7, 50.3]), await at(stage, CAMERA, [15.3, 49.7])];
      if (how === "Shift") await page.keyboard.down("Shift");
      else await page.getByRole("button", { name: "Select by box" }).click();
      await page.mouse.move(from.x + (frame?.x ?? 0), from.y + (frame?.y ?? 0));
      await page.mouse.down();
      await page.mouse.move(to.x + (frame?.x ?? 0), to.y + (frame?.y ?? 0), { steps: 5 });
      await page.mouse.up();
      await page.keyboard.up("Shift");
      await expect.poll(() => new URL(page.url()).searchParams.get("sel.borehole")).toBe("west,middle");
      await expect.poll(() => new URL(page.url()).searchParams.get("x.at")).toBe(CAMERA);
    });
  }

  it("carries over to the time series", async () => {
    const { page } = await openMap(`${ROCKS}&sel.depth=1.5`);
    await row(page, "east").click();
    await page.getByRole("button", { name: "Time series of selected (1)" }).click();
    const query = new URL(page.url()).searchParams;
    expect(["view", "dataset", "node", "var", "sel.borehole", "sel.depth"].map((name) => query.get(name))).toEqual(["series", "rocks", "temperature", "rock_temp", "east", "1.5"]);
  });

  it("is by name where places are known by latitude and longitude together", async () => {
    const { page } = await openMap("&dataset=forecasts&node=hourly");
    await row(page, "Praha").click();
    await expect.poll(() => new URL(page.url()).searchParams.get("sel.location")).toBe("Praha");
    // Of a forecast, what holds now; when asked, the end of it.
    await expect.poll(() => row(page, "Praha").textContent()).toMatch(/3.* m\/s/);
    await page.getByLabel("also of times to come").check();
    await expect.poll(() => row(page, "Praha").textContent()).toMatch(/8.* m\/s/);
  });

  it("finds stations by their names", async () => {
    const { page } = await openMap(ROCKS);
    await row(page, "quiet").waitFor();
    await page.getByLabel("Find a station").fill("CROWD");
    await expect.poll(() => page.locator(".map-list li").count()).toBe(3);
    await page.getByText("3 of 7").waitFor();
  });
});

describe("fields and images", () => {
  it("a grid is outlined, and its newest field lies on the map", async () => {
    const camera = "15.5,49,6";
    const { page, stage } = await openMap(`&dataset=fields&node=rain&x.at=${camera}&x.range=0,11`);
    const land = await themeColour(stage, "--map-land");
    const over = (part: number): number[] => cividis(part).map((c, i) => Math.round(0.85 * c + 0.15 * (land[i] ?? 0)));
    await expectColour(stage, camera, [14.2, 48.2], over(1), 8);
    await expectColour(stage, camera, [16.2, 49.2], over(5 / 11), 8);
    // Where it has no value there is none.
    await expectColour(stage, camera, [17.2, 50.2], land, 8);
    expect((await site.pixels(stage)).places(await themeColour(stage, "--accent"), 14).length).toBeGreaterThan(300);
    await stage.hover({ position: await at(stage, camera, [16.2, 49.2]) });
    await expect.poll(() => page.getByRole("tooltip").textContent()).toMatch(/amount: 5.*mm.*2 Jan 2025/);
  });

  it("an image lies where its control points put it, and is as opaque as the slider says", async () => {
    const camera = "14.25,50.1,10";
    const { page, stage } = await openMap(`&dataset=mine&node=shafts&x.at=${camera}`);
    const land = await themeColour(stage, "--map-land");
    await expectColour(stage, camera, [14.1, 50.16], [255, 0, 0]);
    await expectColour(stage, camera, [14.3, 50.16], [0, 255, 0]);
    await expectColour(stage, camera, [14.1, 50.04], [0, 0, 255]);
    await expectColour(stage, camera, [14.3, 50.04], [255, 255, 0]);
    for (const outside of [[13.99, 50.16], [14.42, 50.16], [14.1, 50.21], [14.1, 49.99]] as LonLat[]) expect(isNear(await seen(stage, camera, outside), land, 3)).toBe(true);
    await expect.poll(() => stage.textContent()).toContain("Survey of 1987");
    await page.getByLabel("Opacity of Mine map").fill("0.5");
    await expectColour(stage, camera, [14.1, 50.16], land.map((c, i) => Math.round(0.5 * c + 0.5 * (i === 0 ? 255 : 0))), 8);
    await expect.poll(() => new URL(page.url()).searchParams.get("x.opacity")).toBe("0.5");
    await page.getByText("three or more places").waitFor();
  });
});

describe("the view", () => {
  it("is restored by its link: place, zoom, variable and selection", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [15, 50], cividis(0.4));
    await stage.click({ position: await at(stage, CAMERA, [15, 50]) });
    await page.getByRole("button", { name: "Zoom in" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("x.at")).not.toBe(CAMERA);
    const link = page.url();
    const again = await site.open(link.slice(site.url.length));
    const other = again.locator(".map-stage");
    const camera = new URL(link).searchParams.get("x.at") ?? "";
    await expectColour(other, camera, [15, 50], cividis(0.4));
    await expect.poll(() => row(again, "middle").getByRole("checkbox").isChecked()).toBe(true);
    expect(again.url()).toBe(link);
  });

  it("shows what arrives without a jump", async () => {
    const { page, stage } = await openMap(ROCKS);
    await expectColour(stage, CAMERA, [15, 50], cividis(0.4));
    await page.getByLabel("Find a station").fill("mid");
    await site.contribute("rocks/temperature", "date_time,borehole,depth,rock_temp\n2025-01-03T00:00:00Z,middle,0.5,8\n");
    const begin = Date.now();
    await expectColour(stage, CAMERA, [15, 50], cividis(0.8));
    expect(Date.now() - begin).toBeLessThan(4000);
    await expect.poll(() => row(page, "middle").textContent()).toMatch(/8.*3 Jan 2025/);
    await expect.poll(() => new URL(page.url()).searchParams.get("x.at")).toBe(CAMERA);
    expect(await page.getByLabel("Find a station").inputValue()).toBe("mid");
    await site.contribute("rocks/temperature", "date_time,borehole,depth,rock_temp\n2025-01-03T00:00:00Z,middle,0.5,4\n");
  });

  it("shows stations of other nodes too, which lead there", async () => {
    const { page, stage } = await openMap(`&dataset=rocks&node=temperature&var=rock_temp&x.at=${CAMERA}`);
    const grey = await themeColour(stage, "--map-other");
    await expect.poll(async () => (await site.pixels(stage)).places(grey, 60).length).toBeGreaterThan(10);
    await stage.click({ position: await at(stage, CAMERA, [16.6068, 49.1951]) });
    await expect.poll(() => new URL(page.url()).searchParams.get("dataset")).toBe("forecasts");
    await row(page, "Brno").waitFor();
  });

  it("speaks Czech, and can be used by everybody, in both themes and on a phone", async () => {
    for (const look of [{ language: "cs" }, { theme: "dark" }, { size: PHONE }] as Look[]) {
      const { page } = await openMap(ROCKS, look);
      await row(page, "middle").waitFor();
      if (look.language === "cs") await page.getByText("Upravit rozsah").waitFor();
      expect(await violations(page)).toEqual([]);
      const { width } = page.viewportSize() ?? { width: 0 };
      await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });
});
