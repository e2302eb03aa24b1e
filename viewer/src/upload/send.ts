/** Sends a file: to try it, or to contribute it. */

import { type Outcome, pathOf, type Problem, Refused, request } from "../api/client";
import { headersOf } from "./kind";
import type { Preview, Trial } from "./preview";

export interface Destination {
  endpoint: string;
  /** Empty: the one that the endpoint has. */
  node: string;
}

export interface Sent {
  id?: string | undefined;
  status: string;
  outcome?: Outcome | undefined;
  problem?: Problem | undefined;
}

/** What would become of the file; nothing is stored. */
export async function tryOut(file: File, to: Destination, signal: AbortSignal): Promise<Trial> {
  try {
    const response = await post(file, to, "dry_run=true", { signal });
    const answer = (await response.json()) as Outcome & { preview?: Preview | null };
    return { outcome: answer, preview: answer.preview };
  } catch (error) {
    if (error instanceof Refused && error.status === 422 && error.problem !== undefined) {
      return { problem: error.problem, preview: (error.problem as Problem & { preview?: Preview | null }).preview };
    }
    throw error;
  }
}

/** Contributes the file. The same `key` again is the same contribution, however often it is sent. */
export async function contribute(file: File, to: Destination, key: string): Promise<Sent> {
  try {
    const response = await post(file, to, "wait=merged", { key });
    return (await response.json()) as Sent;
  } catch (error) {
    if (error instanceof Refused && error.status === 422 && error.problem?.id) return { id: error.problem.id, status: "rejected", problem: error.problem };
    throw error;
  }
}

/** A key for one contribution. `randomUUID` is there on https and loopback alone. */
export const newKey = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function post(file: File, { endpoint, node }: Destination, query: string, { key, signal }: { key?: string; signal?: AbortSignal }): Promise<Response> {
  const headers = headersOf(file.name);
  if (key !== undefined) headers["Idempotency-Key"] = key;
  return request(`${pathOf("api/v1/ingest", endpoint, node)}?${query}`, { method: "POST", headers, body: file, ...(signal === undefined ? {} : { signal }) });
}
