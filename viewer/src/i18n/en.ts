export const en = {
  datasets: "Datasets",
  map: "Map",
  series: "Time series",
  fields: "Profiles and fields",
  contributions: "Contributions",
  collectors: "Collectors",
  upload: "Upload",
} as const;
