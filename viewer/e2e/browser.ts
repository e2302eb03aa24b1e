/** The browser of the tests: Debian's Chromium, drawing in software. */

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-lcd-text",
  "--force-color-profile=srgb",
];

/** Starts it; `CHROMIUM` names another one than Debian's. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`there is no ${executablePath}; run \`apt-get install chromium fonts-dejavu-core\`, or name a Chromium in CHROMIUM`);
  }
  return chromium.launch({ executablePath, args: FLAGS });
}
