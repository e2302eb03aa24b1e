import { describe, expect, it } from "vitest";
import { kindOf } from "./kind";

describe("what a file is", () => {
  it.each([
    ["a.csv", { type: "text/csv" }],
    ["Table.XLSX", { type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" }],
    ["aladin.grb.bz2", { type: "application/x-grib", encoding: "bzip2" }],
    ["log.2025.csv.gz", { type: "text/csv", encoding: "gzip" }],
    ["unknown", { type: "application/octet-stream" }],
  ])("%s", (name, kind) => expect(kindOf(name)).toEqual(kind));
});
