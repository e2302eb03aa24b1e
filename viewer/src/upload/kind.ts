/** What a file is, by the ending of its name, as docs/formats.md says. */

const TYPES: [string, string[]][] = [
  ["text/csv", ["csv", "txt", "dat"]],
  ["text/tab-separated-values", ["tsv", "tab"]],
  ["text/x-toa5", ["toa5"]],
  ["application/json", ["json", "geojson"]],
  ["application/x-ndjson", ["ndjson", "jsonl"]],
  ["application/vnd.apache.parquet", ["parquet", "pq"]],
  ["application/vnd.apache.arrow.stream", ["arrows"]],
  ["application/vnd.apache.arrow.file", ["arrow", "feather", "ipc"]],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ["xlsx", "xlsm"]],
  ["application/vnd.oasis.opendocument.spreadsheet", ["ods"]],
  ["text/x-line-protocol", ["lp", "line"]],
  ["application/x-netcdf", ["nc", "nc3", "nc4", "cdf", "netcdf"]],
  ["application/zip", ["zip"]],
  ["application/x-grib", ["grib", "grb", "grib1", "grb1", "grib2", "grb2"]],
];
const ENCODINGS: Record<string, string> = { gz: "gzip", gzip: "gzip", zst: "zstd", zstd: "zstd", bz2: "bzip2" };

/** Endings that the dialog for choosing files offers. */
export const ACCEPTED = [...TYPES.flatMap(([, endings]) => endings), ...Object.keys(ENCODINGS)].map((ending) => `.${ending}`).join(",");

export interface Kind {
  type: string;
  encoding?: string;
}

/** What is unknown is left to the service, which looks at the first bytes. */
export function kindOf(name: string): Kind {
  const endings = name.toLowerCase().split(".").slice(1);
  const encoding = ENCODINGS[endings.at(-1) ?? ""];
  const ending = encoding === undefined ? endings.at(-1) : endings.at(-2);
  const type = TYPES.find(([, known]) => known.includes(ending ?? ""))?.[0] ?? "application/octet-stream";
  return encoding === undefined ? { type } : { type, encoding };
}

/** Headers that say what a file of this name holds. */
export function headersOf(name: string): Record<string, string> {
  const { type, encoding } = kindOf(name);
  return encoding === undefined ? { "Content-Type": type } : { "Content-Type": type, "Content-Encoding": encoding };
}
