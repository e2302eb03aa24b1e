/** What the service says about itself to the viewer. */

import { Refused, json } from "./client";

export interface ViewerInfo {
  /** Shown in the header. */
  title?: string | null;
  /** Of the service. */
  version?: string | null;
  /** Settings of the map. */
  base_map?: unknown;
}

/** Asked once; a service that does not say anything has the defaults. */
export async function getViewerInfo(): Promise<ViewerInfo> {
  try {
    return await json<ViewerInfo>("api/v1/viewer");
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return {};
    throw error;
  }
}
