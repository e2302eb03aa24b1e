/** What was delivered, as it was delivered: text to read, anything to keep. */

import { authorization, type Contribution, pathOf, request } from "../api/client";
import { h, put } from "../dom";
import { formatBytes } from "../format";
import { t } from "../i18n";
import { trouble } from "../parts";
import { message } from "../shell/signin";
import type { Context } from "../view";

/** Bytes of a text that are shown. */
const MAX_SHOWN = 64 * 1024;

export function payloadPart(contribution: Contribution, context: Context): HTMLElement {
  const path = pathOf("api/v1/contributions", contribution.id, "payload");
  const place = h("div", {});
  const show = h("button", { type: "button", onclick: () => void read() }, t("contributions_show_payload"));
  const isText = /^text\/|json|csv|xml|yaml|line-protocol/.test(contribution.content_type) && !/zip|zstd|bzip/.test(contribution.content_encoding ?? "");

  async function read(): Promise<void> {
    show.disabled = true;
    try {
      const { text, isWhole } = await beginning(path);
      put(
        place,
        h("pre", { class: "payload", tabIndex: 0, role: "region", "aria-label": t("contributions_payload") }, text),
        isWhole ? null : h("p", { class: "muted small" }, t("contributions_cut", { size: formatBytes(MAX_SHOWN), whole: formatBytes(contribution.n_bytes) })),
      );
    } catch (error) {
      put(place, trouble(error, () => void read()));
    } finally {
      show.disabled = false;
    }
  }

  async function keep(event: Event): Promise<void> {
    // A link cannot send credentials; without them the browser does it alone, of any size.
    if (authorization() === null) return;
    event.preventDefault();
    try {
      const url = URL.createObjectURL(await (await request(path)).blob());
      h("a", { href: url, download: nameOf(contribution) }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      context.tell(message(error));
    }
  }

  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "row" },
      isText ? show : h("span", { class: "muted" }, t("contributions_binary")),
      h("a", { class: "button", href: path, download: nameOf(contribution), onclick: (event: Event) => void keep(event) }, t("contributions_download")),
      h("span", { class: "muted small" }, formatBytes(contribution.n_bytes)),
    ),
    place,
  );
}

async function beginning(path: string): Promise<{ text: string; isWhole: boolean }> {
  const stop = new AbortController();
  const response = await request(path, { signal: stop.signal });
  const reader = response.body?.getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  while (reader !== undefined && size <= MAX_SHOWN) {
    const { done, value } = await reader.read();
    if (done) return { text: decoded(pieces), isWhole: true };
    pieces.push(value);
    size += value.length;
  }
  stop.abort();
  return { text: decoded(pieces).slice(0, MAX_SHOWN), isWhole: false };
}

function decoded(pieces: Uint8Array[]): string {
  const decoder = new TextDecoder();
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
}

const ENDINGS: Record<string, string> = { "text/csv": "csv", "application/json": "json", "application/x-ndjson": "ndjson", "application/vnd.apache.parquet": "parquet", "text/plain": "txt" };

function nameOf({ id, content_type, content_encoding }: Contribution): string {
  const ending = ENDINGS[content_type.split(";")[0] ?? ""] ?? (content_type.includes("spreadsheetml") ? "xlsx" : "bin");
  // The browser undoes these encodings itself.
  return `${id}.${ending}${content_encoding && !["gzip", "br", "deflate", "zstd"].includes(content_encoding) ? `.${content_encoding}` : ""}`;
}
