/** What the service says about itself to the viewer. */

import { json } from "./client";
import type { components } from "./schema";

export type ViewerInfo = components["schemas"]["ViewerSettings"];

export const getViewerInfo = (): Promise<ViewerInfo> => json("api/v1/viewer");
