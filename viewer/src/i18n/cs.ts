import type { Texts } from "../i18n";

export const cs: Texts = {
  datasets: "Datasety",
  map: "Mapa",
  series: "Časové řady",
  fields: "Profily a pole",
  contributions: "Příspěvky",
  collectors: "Sběrače",
  upload: "Nahrát",
};
