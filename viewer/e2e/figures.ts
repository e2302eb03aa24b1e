/**
 * Figures of the plots, printed as a table: frame times while a long series is moved, the first plot on a cold start, bytes of
 * the first view, memory after much live data. `ZF_FIGURES_POINTS` sets how long the series is (10 million), and
 * `ZF_FIGURES_COMMITS` how much arrives (2,000 commits).
 */

import type { CDPSession, Page } from "playwright-core";
import { expect, it } from "vitest";
import { useSite } from "./site";

const N_POINTS = Number(process.env.ZF_FIGURES_POINTS ?? 10_000_000);
const N_COMMITS = Number(process.env.ZF_FIGURES_COMMITS ?? 2000);
const PER_BODY = 100_000;
const START_S = Date.UTC(2024, 0, 1) / 1000;
const time = (s: number): string => new Date(s * 1000).toISOString().replace(".000", "");
const value = (i: number): string => (10 + 8 * Math.sin(i / 13_750) + Math.sin(i / 310)).toFixed(3);
const table: Record<string, string> = {};

const site = useSite({
  schemas: { long: "logs:\n  pyramid: {coord: t}\n  COORDS: {t: {unit: {tick: s, tz: UTC}, chunk_size: 65536}}\n  VARS: {level: {coords: [t], unit: m, type: float32, description: Level}}\n" },
  async fill(site) {
    const begin = Date.now();
    for (let first = 0; first < N_POINTS; first += PER_BODY) {
      const lines = Array.from({ length: Math.min(PER_BODY, N_POINTS - first) }, (_, i) => `${time(START_S + first + i)},${value(first + i)}`);
      await site.contribute("long/logs", `t,level\n${lines.join("\n")}\n`);
    }
    table["points in the series"] = `${N_POINTS.toLocaleString("en")} (contributed in ${((Date.now() - begin) / 1000).toFixed(0)} s)`;
  },
});
const ADDRESS = "?view=series&dataset=long&node=logs&var=level";

async function drawn(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".details-of-window canvas");
    if (canvas === null || canvas.width === 0) return false;
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    // Blue of the first series.
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i] === 0 && pixels[i + 1] === 114 && pixels[i + 2] === 178) return true;
    return false;
  }, undefined, { polling: 20 });
}

/** Bytes over the network, by address. */
async function counted(page: Page): Promise<{ session: CDPSession; bytes: Map<string, number> }> {
  const session = await page.context().newCDPSession(page);
  const addresses = new Map<string, string>();
  const bytes = new Map<string, number>();
  session.on("Network.responseReceived", ({ requestId, response }) => addresses.set(requestId, response.url));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => bytes.set(addresses.get(requestId) ?? requestId, encodedDataLength));
  await session.send("Network.enable");
  return { session, bytes };
}

it("first view and first plot", async () => {
  const page = await site.open("?view=collectors");
  const { bytes } = await counted(page);
  await page.context().clearCookies();
  bytes.clear();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.clearBrowserCache");
  const begin = Date.now();
  await page.goto(site.url + ADDRESS);
  await drawn(page);
  table["cold start to first plot"] = `${Date.now() - begin} ms`;
  await page.waitForTimeout(1500);
  const sum = [...bytes.values()].reduce((a, b) => a + b, 0);
  table["bytes of the first view"] = `${(sum / 1000).toFixed(0)} kB in ${bytes.size} answers`;
  table["the largest"] = [...bytes].sort(([, a], [, b]) => b - a).slice(0, 4).map(([address, n]) => `${address.split("/").at(-1)?.slice(0, 40) ?? ""} ${(n / 1000).toFixed(0)} kB`).join(", ");
  expect([...bytes.keys()].filter((address) => /maplibre/i.test(address)), "MapLibre is not loaded").toEqual([]);
});

it("frames while moving", async () => {
  const half = START_S + N_POINTS / 2;
  const wide = N_POINTS / 10;
  const page = await site.open(`${ADDRESS}&from=${time(half)}&to=${time(half + wide)}`);
  await drawn(page);
  const box = await page.locator(".details-of-window .u-over").boundingBox();
  if (box === null) throw new Error("not seen");
  await page.evaluate(() => {
    const frames: number[] = [];
    let last = performance.now();
    const tick = (): void => {
      const now = performance.now();
      frames.push(now - last);
      last = now;
      if (!(globalThis as unknown as { isOver?: boolean }).isOver) requestAnimationFrame(tick);
    };
    Object.assign(globalThis, { frames });
    requestAnimationFrame(tick);
  });
  const y = box.y + box.height / 2;
  for (let round = 0; round < 4; round++) {
    await page.mouse.move(box.x + box.width * 0.9, y);
    await page.mouse.down();
    for (let i = 1; i <= 80; i++) await page.mouse.move(box.x + box.width * (0.9 - (0.8 * i) / 80), y);
    await page.mouse.up();
  }
  const frames = await page.evaluate(() => {
    const kept = globalThis as unknown as { frames: number[]; isOver?: boolean };
    kept.isOver = true;
    return kept.frames.slice(2).sort((a, b) => a - b);
  });
  const at = (part: number): string => `${(frames[Math.floor(part * (frames.length - 1))] ?? NaN).toFixed(1)} ms`;
  table["frames while moving"] = `median ${at(0.5)}, p95 ${at(0.95)} of ${frames.length}`;
});

it("memory after much live data", async () => {
  const page = await site.open(`${ADDRESS}&x.span=3600s`);
  await drawn(page);
  const session = await page.context().newCDPSession(page);
  const heap = async (): Promise<number> => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize / 1e6;
  };
  const before = await heap();
  for (let i = 0; i < N_COMMITS; i++) await site.contribute("long/logs", `t,level\n${time(START_S + N_POINTS + i)},${value(N_POINTS + i)}\n`);
  await expect.poll(() => page.locator(".plots-title .num").textContent()).toContain(new Date((START_S + N_POINTS + N_COMMITS - 1) * 1000).toISOString().slice(11, 16));
  table["JS heap"] = `${before.toFixed(1)} MB, after ${N_COMMITS.toLocaleString("en")} commits ${(await heap()).toFixed(1)} MB`;
});

it("the table", () => {
  const wide = Math.max(...Object.keys(table).map((name) => name.length));
  console.log(`\n${Object.entries(table).map(([name, text]) => `${name.padEnd(wide)}  ${text}`).join("\n")}\n`);
});
