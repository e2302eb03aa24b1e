import { describe, expect, it } from "vitest";
import { kindOf } from "./kind";
import { missingCoordinates, type Column } from "./preview";

describe("what a file is", () => {
  it.each([
    ["a.csv", { type: "text/csv" }],
    ["Table.XLSX", { type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" }],
    ["aladin.grb.bz2", { type: "application/x-grib", encoding: "bzip2" }],
    ["log.2025.csv.gz", { type: "text/csv", encoding: "gzip" }],
    ["unknown", { type: "application/octet-stream" }],
  ])("%s", (name, kind) => expect(kindOf(name)).toEqual(kind));
});

describe("what a table lacks", () => {
  const coordinate = (name: string, composed?: string[]): { name: string; composed?: string[] } => (composed === undefined ? { name } : { name, composed });
  const column = (variable: string): Column => ({ name: variable, variable, role: "coordinate" });

  it("is coordinates that no column brings", () => expect(missingCoordinates([coordinate("time"), coordinate("depth")], [column("time")])).toEqual(["depth"]));
  it("is the members of a composed coordinate", () => expect(missingCoordinates([coordinate("lat_lon", ["latitude", "longitude"])], [column("latitude")])).toEqual(["longitude"]));
  it("is nothing when all is there", () => expect(missingCoordinates([coordinate("lat_lon", ["latitude", "longitude"])], [column("latitude"), column("longitude")])).toEqual([]));
});
