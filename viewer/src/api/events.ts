/** Server-sent events, by fetch rather than `EventSource`, which cannot send credentials. */

import { authorization } from "./client";

/** An event of the service; `data` is what docs/events.md says. */
export interface ServerEvent {
  type: string;
  id: string;
  data: unknown;
}

/** Follows the events until `signal` aborts; connects again after a pause, from where it was. */
export async function follow(
  path: string,
  signal: AbortSignal,
  take: (event: ServerEvent) => void,
  connected: (is: boolean) => void,
): Promise<void> {
  let last = "";
  let pause = 1000;
  while (!signal.aborted) {
    try {
      const headers = new Headers({ Accept: "text/event-stream" });
      const credentials = authorization();
      if (credentials !== null) headers.set("Authorization", credentials);
      if (last) headers.set("Last-Event-ID", last);
      const response = await fetch(path, { headers, signal, cache: "no-store", credentials: "omit" });
      if (!response.ok || response.body === null) throw new Error(`${response.status}`);
      connected(true);
      pause = 1000;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parsed = parse(text + value);
        text = parsed.rest;
        for (const event of parsed.events) take(event);
        last = parsed.last ?? last;
      }
    } catch {
      // Asked again below.
    }
    connected(false);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15_000);
  }
}

/** The complete events at the start of `text`, the last id among them, also of an event without data, and what is left. */
export function parse(text: string): { events: ServerEvent[]; last?: string; rest: string } {
  let last: string | undefined;
  const events: ServerEvent[] = [];
  const blocks = text.split(/\r?\n\r?\n/);
  const rest = blocks.pop() ?? "";
  for (const block of blocks) {
    let [type, id, data] = ["message", "", ""];
    for (const line of block.split(/\r?\n/)) {
      const colon = line.indexOf(":");
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (colon <= 0) continue;
      const field = line.slice(0, colon);
      if (field === "event") type = value;
      else if (field === "id") id = value;
      else if (field === "data") data += (data && "\n") + value;
    }
    if (id !== "") last = id;
    if (data === "") continue;
    try {
      events.push({ type, id, data: JSON.parse(data) as unknown });
    } catch {
      // Not ours.
    }
  }
  return last === undefined ? { events, rest } : { events, last, rest };
}
