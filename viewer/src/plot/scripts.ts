/** What is seen, as lines that other programs take: `curl` and xarray. */

import type { NodeTree } from "../api/client";
import { type Question, questionPath } from "../api/query";
import { type Group } from "./lines";
import { timeOf } from "./node";
import type { Window } from "./window";

/** A text in single quotes for a POSIX shell. */
const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** One `curl` command per question. */
export function curlLines(questions: Question[], base: string, signedIn: boolean): string {
  const header = signedIn ? ' -H "Authorization: Bearer $ZF_TOKEN"' : "";
  return questions.map((q) => `curl${header} ${shell(new URL(questionPath(q, "csv"), base).href.replaceAll("%22", '"'))}`).join("\n");
}

/** Python that opens the Zarr store over HTTP and selects the same values, in the units of the store. */
export function xarrayLines(dataset: string, node: NodeTree, groups: Group[], window: Window | undefined, base: string, signedIn: boolean): string {
  const text = (value: string): string => JSON.stringify(value);
  const headers = '{"Authorization": "Bearer …"}';
  const options = signedIn ? `, storage_options={"headers": ${headers}}` : "";
  // The present state, in which every value keeps its place although late ones come.
  const now = text(new URL(`zarr/${encodeURIComponent(dataset)}@now`, base).href);
  const asked = signedIn ? `urllib.request.Request(${now}, headers=${headers})` : now;
  const group = node.path === "" ? "" : `, group=${text(node.path)}`;
  const lines = ["import urllib.request, xarray", `url = urllib.request.urlopen(${asked}).url`, `data = xarray.open_zarr(url${group}${options})`];
  const time = timeOf(node)?.name;
  for (const { variables, others, series } of groups) {
    let line = `data[[${variables.map((v) => text(v.name)).join(", ")}]]`;
    for (const c of others) {
      const chosen = new Map(series.flatMap((s) => s.at).filter((at) => at.coordinate === c).map((at) => [at.choice.index, at.choice.key]));
      if (c.composed?.length) line += `.isel(${c.name}=[${[...chosen.keys()].join(", ")}])`;
      else line += `.sel({${text(c.name)}: [${[...chosen.values()].map((key) => (/^(u?int|float)/.test(c.type) ? key : text(key))).join(", ")}]})`;
    }
    if (time !== undefined && window !== undefined) line += `.sel({${text(time)}: slice(${text(naive(window.from))}, ${text(naive(window.to))})})`;
    lines.push(line);
  }
  return lines.join("\n");
}

/** xarray's times have no zone; they are UTC. */
const naive = (time: number): string => new Date(Math.round(time * 1000)).toISOString().slice(0, -1).replace(".000", "");
