/** Requests to the service: credentials, and errors that say what to do. */

import { t } from "../i18n";
import type { components } from "./schema";

export type Tree = components["schemas"]["Tree"];
export type NodeTree = components["schemas"]["NodeTree"];
export type CoordinateTree = components["schemas"]["CoordinateTree"];
export type VariableTree = components["schemas"]["VariableTree"];
export type DatasetSummary = components["schemas"]["DatasetSummary"];
export type Contribution = components["schemas"]["Contribution"];
export type Outcome = components["schemas"]["Outcome"];
export type Problem = components["schemas"]["Problem"];
export type CollectorState = components["schemas"]["CollectorState"];

/** An answer that is no success: what is wrong, and what to do. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
    message: string,
  ) {
    super(message);
  }
}

const KEY = "zf.authorization";
let whenUnknown: () => void = () => undefined;

/** What to do when the service wants to know who asks. */
export function onUnknown(listener: () => void): void {
  whenUnknown = listener;
}

/** Value of the `Authorization` header; kept until the browser is closed, or longer if the person wants that. */
export function authorization(): string | null {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

/** The name under which the person signed in; null: by a token, or not at all. */
export function signedInName(): string | null {
  const credentials = authorization();
  if (credentials?.startsWith("Basic ") !== true) return null;
  const bytes = Uint8Array.from(atob(credentials.slice(6)), (c) => c.charCodeAt(0));
  return new TextDecoder().decode(bytes).split(":")[0] ?? null;
}

/** The header's value for a name and a password. */
export function basic(name: string, password: string): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export function signIn(value: string | null, keep = false): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  if (value !== null) (keep ? localStorage : sessionStorage).setItem(KEY, value);
}

/** Sends a request; a path relative to the page, so that the viewer works behind a prefix too. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const credentials = authorization();
  const isTrial = headers.has("Authorization");
  if (credentials !== null && !isTrial) headers.set("Authorization", credentials);
  let response: Response;
  try {
    // Without cookies: else the browser answers 401 with a dialog of its own.
    response = await fetch(path, { credentials: "omit", ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, undefined, t("shell_no_answer"));
  }
  if (response.ok || response.status === 304) return response;
  let problem: Problem | undefined;
  if (response.headers.get("Content-Type")?.includes("json")) problem = (await response.json()) as Problem;
  if (response.status === 401 && !isTrial) whenUnknown();
  throw new Refused(response.status, problem, problem?.detail ?? `${response.status} ${response.statusText}`);
}

export async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await request(path, init);
  return (await response.json()) as T;
}

/** A path with its parts encoded; slashes inside of a part that is a node stay. */
export function pathOf(...parts: string[]): string {
  const kept = parts.filter((part) => part !== "");
  return kept.map((part) => part.split("/").map(encodeURIComponent).join("/")).join("/");
}

export const listDatasets = async (): Promise<DatasetSummary[]> =>
  (await json<components["schemas"]["Datasets"]>("api/v1/datasets")).datasets;

export const getTree = (dataset: string): Promise<Tree> => json(pathOf("api/v1/datasets", dataset));
