/**
 * The viewer as a person meets it: a built `zf` that serves schemas from a temporary folder, data that is contributed to
 * it, and pages of a real browser. A test fails on any error in a page's console.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { AxeResults } from "axe-core";
import type { Browser, Locator, Page } from "playwright-core";
import { type PreviewServer, preview } from "vite";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { startBrowser } from "./browser";
import { isBuiltApart } from "./build";
import { type Clip, type Pixels, pixelsOf } from "./pixels";
import { type Service, startService } from "./service";

export interface SiteOptions {
  /** Schemas by the name of their dataset, in YAML; `STORE_URL` is added where there is none. */
  schemas: Record<string, string>;
  /** Further lines of `zarr-fuse.yaml`, beside `server` and `datasets`. */
  configuration?: string;
  /** Other files of the folder, by name. */
  files?: Record<string, string>;
  /** Contributes what all tests of the file need. */
  fill?: (site: Site) => Promise<void>;
}

export interface Look {
  language?: "en" | "cs";
  theme?: "light" | "dark";
  size?: { width: number; height: number };
  zone?: string;
}

export interface Site {
  readonly service: Service;
  readonly browser: Browser;
  /** Where the viewer is, with a slash at the end. */
  readonly url: string;
  /** Contributes to a node (`dataset/node`) and waits until it is merged. */
  contribute: (node: string, body: string | Uint8Array, contentType?: string, headers?: Record<string, string>) => Promise<void>;
  /** Opens the viewer at an address such as `?view=map` in a context of its own, which the end of the test closes. */
  open(address?: string, look?: Look): Promise<Page>;
  /** From now on this test's pages may report such errors, since it causes them. */
  allow(error: RegExp): void;
  /** The colours of an element or page as shown, or of a part of a page. */
  pixels(what: Locator | Page, clip?: Clip): Promise<Pixels>;
}

export const PHONE = { width: 390, height: 844 };
export const LAPTOP = { width: 1280, height: 800 };
export const WIDE = { width: 1920, height: 1080 };

/** Starts a site before the tests of a file and ends it after them. */
export function useSite(options: SiteOptions): Site {
  let service: Service | undefined;
  let browser: Browser | undefined;
  let server: PreviewServer | undefined;
  let url = "";
  let opened: Page[] = [];
  let errors: string[] = [];
  let allowed: RegExp[] = [];

  const site: Site = {
    get service() {
      return started(service);
    },
    get browser() {
      return started(browser);
    },
    get url() {
      return url;
    },
    async contribute(node, body, contentType = "text/csv", headers = {}) {
      const address = `${site.service.url}/api/v1/ingest/${node}?wait=merged`;
      const answer = await fetch(address, { method: "POST", body: body as BodyInit, headers: { "Content-Type": contentType, ...headers } });
      if (!answer.ok) throw new Error(`${address} answers ${answer.status}: ${await answer.text()}`);
    },
    async open(address = "", look = {}) {
      const context = await site.browser.newContext({
        viewport: look.size ?? LAPTOP,
        locale: look.language === "cs" ? "cs-CZ" : "en-GB",
        colorScheme: look.theme ?? "light",
        timezoneId: look.zone ?? "Europe/Prague",
        reducedMotion: "reduce",
        acceptDownloads: true,
      });
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
      });
      opened.push(page);
      await page.goto(url + address);
      return page;
    },
    allow: (error) => void allowed.push(error),
    pixels: (what, clip) => pixelsOf(site.browser, what, clip),
  };

  beforeAll(async () => {
    service = await startService(["serve"], folder(options));
    browser = await startBrowser();
    if (isBuiltApart) server = await serveBuilt(service.url);
    url = server?.resolvedUrls?.local[0] ?? `${service.url}/`;
    await options.fill?.(site);
  });
  afterEach(async () => {
    const unexpected = errors.filter((error) => !allowed.some((pattern) => pattern.test(error)));
    const pages = opened;
    [opened, errors, allowed] = [[], [], []];
    for (const page of pages) await page.context().close();
    expect(unexpected, "errors in the page's console").toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await service?.end();
  });
  return site;
}

/** Serious violations of accessibility that axe finds in a page, in short. */
export async function violations(page: Page): Promise<string[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`));
}

function folder(options: SiteOptions): Record<string, string> {
  const names = Object.keys(options.schemas);
  const schemas = Object.entries(options.schemas).map(([name, text]): [string, string] => [
    `${name}.yaml`,
    text.includes("STORE_URL") ? text : `ATTRS: {STORE_URL: ${name}.zarr}\n${text}`,
  ]);
  const configuration = `server: {listen: "127.0.0.1:0"}\ndatasets: [${names.map((name) => `${name}.yaml`).join(", ")}]\n${options.configuration ?? ""}`;
  return { ...options.files, ...Object.fromEntries(schemas), "zarr-fuse.yaml": configuration };
}

/** The viewer as the sources are now, beside the service rather than in it, but under its policy. */
async function serveBuilt(service: string): Promise<PreviewServer> {
  const policy = (await fetch(`${service}/`, { headers: { Accept: "text/html" } })).headers.get("Content-Security-Policy");
  const proxied = ["/api", "/zarr", "/health", "/docs", "/openapi.json"].map((path) => [path, { target: service }]);
  return preview({
    root: dirname(import.meta.dirname),
    configFile: false,
    logLevel: "silent",
    preview: {
      host: "127.0.0.1",
      headers: policy === null ? {} : { "Content-Security-Policy": policy },
      port: 20_000 + Math.floor(Math.random() * 20_000),
      proxy: Object.fromEntries(proxied) as Record<string, { target: string }>,
    },
  });
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("the site has not been started; use it inside of tests or `fill`");
  return part;
}
