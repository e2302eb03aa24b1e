/** Builds the viewer for a `zf` that does not bring it along. */

import { dirname } from "node:path";
import { build } from "vite";

export default async function setup(): Promise<void> {
  await build({ root: dirname(import.meta.dirname), logLevel: "warn" });
}
