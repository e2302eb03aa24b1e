/**
 * Pictures of the main views at three sizes, taken from `zf demo`, into e2e/screenshots: `npm run screenshots`. With
 * `README=1` the one that the README shows is written to docs/viewer.png.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startBrowser } from "./browser";
import { type Service, startDemo } from "./service";
import { LAPTOP, PHONE, WIDE } from "./site";

const FOLDER = join(import.meta.dirname, "screenshots");
const SIZES = { phone: PHONE, laptop: LAPTOP, wide: WIDE };
const HOLES = "B1-meadow,B2-forest,B3-quarry";

/** Addresses of the views, and what tells that they are complete. */
const VIEWS: Record<string, { address: string; seen: string }> = {
  datasets: { address: "", seen: "main h1, main h2, main table" },
  "map-forecast": { address: "?view=map&dataset=weather&node=forecast&var=air_temperature", seen: ".map-stage[data-idle]" },
  "map-boreholes": { address: "?view=map&dataset=boreholes&node=temperature&var=rock_temp&sel.borehole=B1-meadow", seen: ".map-stage[data-idle]" },
  series: { address: `?view=series&dataset=boreholes&node=temperature&var=rock_temp&sel.borehole=${HOLES}&sel.depth=0.05,0.5,2.0,10.0`, seen: "main canvas" },
  fields: { address: "?view=fields&dataset=boreholes&node=temperature&var=rock_temp&sel.borehole=B1-meadow", seen: "main canvas" },
  contributions: { address: "?view=contributions", seen: "main table, main li" },
  collectors: { address: "?view=collectors", seen: "main *" },
  upload: { address: "?view=upload&dataset=boreholes&node=temperature", seen: "main *" },
};

let service: Service;
let browser: Browser;
let url = "";
beforeAll(async () => {
  service = await startDemo();
  browser = await startBrowser();
  url = `${service.url}/`;
  // The demo begins by sending the history of its instruments.
  await vi.waitFor(async () => expect(await nSent(url)).toBeGreaterThan(3), { timeout: 60_000, interval: 300 });
});
afterAll(async () => {
  await browser.close();
  await service.end();
});

it("shows the main views", async () => {
  await mkdir(FOLDER, { recursive: true });
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const theme of size === "laptop" ? (["light", "dark"] as const) : (["light"] as const)) {
      const context = await browser.newContext({ viewport, colorScheme: theme, locale: "en-GB", timezoneId: "Europe/Prague", reducedMotion: "reduce" });
      const page = await context.newPage();
      for (const [name, { address, seen }] of Object.entries(VIEWS)) {
        await page.goto(url + address);
        await settled(page, seen);
        await page.screenshot({ path: join(FOLDER, `${name}-${size}${theme === "dark" ? "-dark" : ""}.png`) });
      }
      await context.close();
    }
  }
}, 600_000);

it.runIf(process.env.README === "1")("shows the picture of the README", async () => {
  const context = await browser.newContext({ viewport: LAPTOP, locale: "en-GB", timezoneId: "Europe/Prague", reducedMotion: "reduce" });
  const page = await context.newPage();
  const { address, seen } = VIEWS.series ?? { address: "", seen: "main" };
  await page.goto(url + address);
  await settled(page, seen);
  await writeFile(join(import.meta.dirname, "../../docs/viewer.png"), await page.screenshot());
  await context.close();
}, 120_000);

/** Waits until a view is there and asks for nothing any more. Events never end, so that quiet means answered requests. */
async function settled(page: Page, seen: string): Promise<void> {
  await page.locator(seen).first().waitFor({ timeout: 30_000 });
  let n = -1;
  for (let [quiet, all] = [0, 0]; quiet < 4 && all < 40; all++) {
    const now = await page.evaluate(() => performance.getEntriesByType("resource").length);
    quiet = now === n ? quiet + 1 : 0;
    n = now;
    await page.waitForTimeout(250);
  }
}

/** The least number of contributions that a dataset of the demo has got. */
async function nSent(url: string): Promise<number> {
  const answer = await fetch(`${url}api/v1/datasets`, { headers: { Connection: "close" } });
  const { datasets } = (await answer.json()) as { datasets: { last_seq: number }[] };
  return datasets.length < 2 ? 0 : Math.min(...datasets.map(({ last_seq }) => last_seq));
}
