/** Scores of the main views of `zf demo` as a table: `npm run scores`. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBrowser } from "./browser";
import { performanceOf, scoreOf } from "./scores";
import { type Service, startService } from "./service";
import { LAPTOP } from "./site";

const VIEWS: Record<string, [string, string]> = {
  datasets: ["", "main h1, main h2, main table"],
  map: ["?view=map&dataset=weather&node=forecast", ".map-stage[data-idle]"],
  series: ["?view=series&dataset=boreholes&node=temperature&var=rock_temp", "main canvas"],
  fields: ["?view=fields&dataset=boreholes&node=temperature&var=rock_temp", "main canvas"],
  contributions: ["?view=contributions", "main table, main li"],
};

let service: Service;
let browser: Browser;
beforeAll(async () => {
  service = await startService(["demo", "--dir", "demo", "--listen", "127.0.0.1:0"]);
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.end();
});

it("follows Lighthouse's curves", () => {
  expect(performanceOf({ fcpMs: 934, lcpMs: 1200, tbtMs: 150, cls: 0.1 })).toBe(90);
  expect(performanceOf({ fcpMs: 1600, lcpMs: 2400, tbtMs: 350, cls: 0.25 })).toBe(50);
});

it("scores the main views", async () => {
  const lines = ["| view | FCP | LCP | blocking | layout shift | performance | axe, serious |", "|---|---|---|---|---|---|---|"];
  for (const [name, [address, seen]] of Object.entries(VIEWS)) {
    const page = await browser.newPage({ viewport: LAPTOP });
    const { fcpMs, lcpMs, tbtMs, cls, performance, violations } = await scoreOf(page, `${service.url}/${address}`, seen);
    lines.push(`| ${name} | ${Math.round(fcpMs)} ms | ${Math.round(lcpMs)} ms | ${Math.round(tbtMs)} ms | ${cls.toFixed(3)} | ${performance} | ${violations.length} |`);
    await page.close();
  }
  console.log(lines.join("\n"));
}, 300_000);
