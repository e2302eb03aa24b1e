/** Datasets: what they hold is found, opened, followed and taken elsewhere. */

import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { BOREHOLES, readings } from "./boreholes";
import { useSite } from "./site";

const WEATHER = `ATTRS: {STORE_URL: weather.zarr, title: Weather}
forecast:
  COORDS: {hour: {unit: {tick: h, tz: Europe/Prague}, chunk_size: 256}}
  VARS: {wind: {coords: hour, unit: m/s, description: Wind above ground}}
stations:
  hill:
    COORDS: {hour: {unit: {tick: h, tz: UTC}, chunk_size: 256}}
    VARS: {pressure: {coords: hour, unit: hPa}}
  dale:
    COORDS: {hour: {unit: {tick: h, tz: UTC}, chunk_size: 256}}
    VARS: {pressure: {coords: hour, unit: hPa}}
`;

describe("the view of datasets", () => {
  const site = useSite({
    schemas: { boreholes: BOREHOLES, weather: WEATHER },
    fill: (site) => site.contribute("boreholes/temperature", readings("2025-01-01")),
  });
  const node = (page: Page, name: string) => page.getByRole("article", { name });
  const toggle = (page: Page, name: string) => node(page, name).locator("button[aria-expanded]");

  it("tells what a node holds: titles, units, types, shapes, extents", async () => {
    const page = await site.open();
    await page.getByRole("heading", { level: 2, name: "Borehole temperatures" }).waitFor();
    const here = node(page, "boreholes/temperature");
    await here.getByText("Rock temperature in boreholes.").waitFor();
    await toggle(page, "boreholes/temperature").click();
    const row = (name: string) => here.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
    await expect.poll(() => row("rock_temp").textContent()).toMatch(/Rock temperature.*°C.*float32.*date_time 24 × borehole 1 × depth 1/);
    await expect.poll(() => row("date_time").textContent()).toMatch(/24.*1 Jan 2025, 00:00:00 … 1 Jan 2025, 23:00:00/);
    await expect.poll(() => row("borehole").textContent()).toContain("B1 … B1");
    await expect.poll(() => row("depth").textContent()).toContain("0.5 … 0.5 m");
    expect(await here.getByRole("link", { name: "1 merged" }).getAttribute("href")).toContain("view=contributions");
  });

  it("finds nodes by names, descriptions and units, and keeps that in the address", async () => {
    const page = await site.open();
    await node(page, "weather/forecast").waitFor();
    for (const [words, found] of [["m/s", 1], ["above GROUND", 1], ["°C", 1], ["hPa", 2], ["stations hill", 1], ["nonsense", 0]] as const) {
      await page.getByRole("searchbox").fill(words);
      await expect.poll(() => page.getByRole("article").count(), { message: words }).toBe(found);
    }
    await page.getByRole("searchbox").fill("hpa");
    await expect.poll(() => page.url()).toContain("x.q=hpa");
    await page.reload();
    await expect.poll(() => page.getByRole("article").count()).toBe(2);
    expect(await page.getByRole("searchbox").inputValue()).toBe("hpa");
  });

  it("opens and closes nodes, and a link restores it", async () => {
    const page = await site.open();
    await node(page, "weather/forecast").waitFor();
    expect(await toggle(page, "weather/forecast").getAttribute("aria-expanded")).toBe("false");
    await toggle(page, "weather/forecast").press("Enter");
    await node(page, "weather/forecast").getByRole("rowheader", { name: "wind" }).waitFor();
    const other = await site.open(new URL(page.url()).search);
    await node(other, "weather/forecast").getByRole("rowheader", { name: "wind" }).waitFor();
    expect(await toggle(other, "weather/stations/hill").getAttribute("aria-expanded")).toBe("false");
    await page.getByRole("button", { name: "Expand all" }).click();
    await expect.poll(() => page.locator('article button[aria-expanded="true"]').count()).toBe(4);
    await page.getByRole("button", { name: "Collapse all" }).click();
    await expect.poll(() => page.locator('article button[aria-expanded="true"]').count()).toBe(0);
  });

  it("draws small lines of what the variables did", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature");
    const lines = node(page, "boreholes/temperature").getByRole("img", { name: /rock_temp: from 5\.0\d+ to 10\.9/ });
    await expect.poll(() => lines.count()).toBe(2);
    const drawn = (await site.pixels(lines.first())).places([0, 100, 138], 60);
    expect(drawn.length).toBeGreaterThan(80);
    expect(Math.max(...drawn.map(({ y }) => y)) - Math.min(...drawn.map(({ y }) => y))).toBeGreaterThan(14);
  });

  it("shows new arrivals within two seconds, in the same place", async () => {
    const page = await site.open("?x.open=boreholes/temperature,weather/forecast", { size: { width: 1280, height: 500 } });
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    const here = node(page, "boreholes/temperature");
    const extent = here.getByRole("row").filter({ hasText: "Time of the measurement" });
    await expect.poll(() => extent.textContent()).toContain("1 Jan 2025, 23:00");
    const target = node(page, "weather/forecast").getByRole("link", { name: "wind" });
    await target.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await page.waitForFunction(() => document.querySelectorAll(".spark svg").length > 0);
    const before = await target.boundingBox();
    await site.contribute("boreholes/temperature", readings("2025-01-02"));
    const arrived = Date.now();
    await expect.poll(() => extent.textContent(), { timeout: 2000 }).toContain("2 Jan 2025, 23:00");
    expect(Date.now() - arrived).toBeLessThan(2000);
    await expect.poll(() => here.locator("time").first().textContent()).toMatch(/now|[0-9] sec ago/);
    await here.getByRole("link", { name: "2 merged" }).waitFor();
    expect(await target.boundingBox()).toEqual(before);
  });

  it("leads to the other views of a node", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature");
    const here = node(page, "boreholes/temperature");
    for (const [name, view] of [["Map", "map"], ["Time series", "series"], ["Profiles and fields", "fields"], ["Contributions", "contributions"], ["Upload", "upload"]] as const) {
      expect(await here.getByRole("link", { name, exact: true }).first().getAttribute("href")).toBe(`?view=${view}&dataset=boreholes&node=temperature`);
    }
    expect(await here.getByRole("link", { name: "rock_temp" }).getAttribute("href")).toContain("var=rock_temp");
    await here.getByRole("link", { name: "Contributions", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Contributions" }).waitFor();
  });

  it("gives lines to copy that work", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const here = node(page, "boreholes/temperature");
    await here.getByRole("button", { name: "Copy: xarray" }).click();
    await here.getByRole("button", { name: "Copy: xarray" }).filter({ hasText: "Copied" }).waitFor();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(`xarray.open_zarr(urllib.request.urlopen("${site.url}zarr/boreholes@now").url, group="temperature")`);
    const curl = await here.getByRole("textbox", { name: "curl" }).textContent();
    const answer = await fetch(/'(.*)'/.exec(curl ?? "")?.[1] ?? "");
    expect(await answer.text()).toMatch(/^date_time,borehole,depth,rock_temp\n2025-01-01T00:00:00Z,B1,0.5,8/);
    for (const name of ["Schema", "Zarr"]) {
      const href = await page.getByRole("region", { name: "Borehole temperatures" }).getByRole("link", { name, exact: true }).getAttribute("href");
      expect((await fetch(new URL(href ?? "", site.url))).status, name).toBe(200);
    }
  });
});
