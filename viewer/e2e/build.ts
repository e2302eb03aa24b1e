/**
 * The tests use the viewer that is in the binary. With `VIEWER=sources` they build it and serve it beside the service, which
 * is quicker while it is worked on.
 */

import { dirname } from "node:path";
import { build } from "vite";

export const isBuiltApart = process.env.VIEWER === "sources";

export default async function setup(): Promise<void> {
  if (isBuiltApart) await build({ root: dirname(import.meta.dirname), logLevel: "warn" });
}
