/** Upload: a file is tried first, with nothing stored; then contributed once. */

import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { BOREHOLES, readings } from "./boreholes";
import { useSite, violations } from "./site";

/** Delivered in Fahrenheit and centimetres, with a column nobody knows and a row that does not fit. */
const TABLE = "date_time,borehole,depth,rock_temp,remark\n2025-06-01T00:00:00Z,NEW,50,50,first\n2025-06-01T01:00:00Z,NEW,deep,51,second\n";
const SCHEMA = BOREHOLES.replace("depth: {unit: m,", "depth: {unit: m, source_unit: cm,").replace("unit: degC, type", "unit: degC, source_unit: degF, type");

describe("contributing a file", () => {
  const site = useSite({ schemas: { boreholes: SCHEMA } });
  const start = "?view=upload&dataset=boreholes&node=temperature";
  const file = (name: string, text: string) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
  const choose = (page: Page, name: string, text: string): Promise<void> => page.getByLabel(/Drop a file/).setInputFiles(file(name, text));
  const stored = async (): Promise<string> => (await fetch(`${site.service.url}/api/v1/query/boreholes/temperature?var=rock_temp&format=csv`)).text();
  const table = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

  it("shows how columns map, their units, what is not used and what does not fit, and stores nothing", async () => {
    const page = await site.open(start);
    await choose(page, "table.csv", TABLE);
    await page.getByRole("status").filter({ hasText: "1 of 2 rows fit; 1 would be rejected" }).waitFor();
    const columns = table(page, "Columns").locator("tbody tr");
    const texts = await columns.allTextContents();
    expect(texts[2]).toMatch(/depth→ depthcoordinatecm → m/);
    expect(texts[3]).toMatch(/rock_temp→ rock_tempvariable°F → °C/);
    expect(texts[4]).toMatch(/remarknot used/);
    await page.getByText("The column remark is not used").waitFor();
    const rejected = table(page, "Table as the service reads it").locator("tbody tr").nth(1);
    await expect.poll(() => rejected.textContent()).toMatch(/NEW.*deep.*depth: not a number/);
    expect((await site.pixels(rejected)).at(4, 4)).not.toEqual((await site.pixels(table(page, "Table as the service reads it").locator("tbody tr").first())).at(4, 4));
    expect(await stored()).not.toContain("NEW");
  });

  it("names the coordinates that no column brings", async () => {
    site.allow(/422/);
    const page = await site.open(start);
    await choose(page, "table.csv", "date_time,borehole,rock_temp\n2025-06-01T00:00:00Z,B1,50\n");
    await page.getByText("No column brings the coordinate depth").waitFor();
    expect(await page.getByRole("button", { name: "Contribute" }).isDisabled()).toBe(true);
  });

  it("contributes what was tried, and leads to it", async () => {
    const page = await site.open(start);
    await choose(page, "table.csv", TABLE);
    await page.getByRole("button", { name: "Contribute", disabled: false }).click();
    await page.getByRole("status").filter({ hasText: "1 row is in the dataset, 1 were rejected" }).waitFor();
    expect(await stored()).toMatch(/2025-06-01T00:00:00Z,NEW,0\.5,(10|9\.99\d*|10\.0\d*)\n/);
    expect(await page.getByRole("link", { name: "See the time series" }).getAttribute("href")).toBe("?view=series&dataset=boreholes&node=temperature");
    await page.getByRole("link", { name: "See the contribution" }).click();
    await page.getByRole("complementary", { name: "Contribution" }).getByText("deep").waitFor();
  });

  it("takes a file that is dropped, also compressed", async () => {
    const page = await site.open(start);
    await page.getByText("Drop a file here").waitFor();
    const bytes = Buffer.from(await new Response(new Blob([readings("2025-07-01", 3, "DROPPED")]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
    const transfer = await page.evaluateHandle((text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "dropped.csv.gz"));
      return transfer;
    }, bytes.toString("base64"));
    await page.dispatchEvent(".drop", "drop", { dataTransfer: transfer });
    await page.getByRole("status").filter({ hasText: "All 3 rows fit" }).waitFor();
    await page.getByRole("button", { name: "Contribute", disabled: false }).click();
    await page.getByRole("status").filter({ hasText: "3 rows are in the dataset" }).waitFor();
    expect(await stored()).toContain("DROPPED");
  });

  it("says what to do with a file that cannot be read", async () => {
    site.allow(/4\d\d/);
    const page = await site.open(start);
    await page.getByLabel(/Drop a file/).setInputFiles({ name: "broken.parquet", mimeType: "", buffer: Buffer.from("this is no Parquet") });
    await expect.poll(() => page.locator(".result").textContent()).toMatch(/parquet/i);
    expect(await page.getByRole("button", { name: "Contribute" }).isDisabled()).toBe(true);
  });

  it("counts once what is sent twice after a lost answer", async () => {
    site.allow(/ERR_|Failed/);
    const page = await site.open(start);
    await choose(page, "once.csv", readings("2025-08-01", 2, "ONCE"));
    const send = page.getByRole("button", { name: "Contribute", disabled: false });
    await send.waitFor();
    await page.route("**/ingest/**wait=merged", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await send.click();
    await page.getByRole("alert").filter({ hasText: "does not answer" }).first().waitFor();
    await page.unroute("**/ingest/**wait=merged");
    await send.click();
    await page.getByRole("status").filter({ hasText: "2 rows are in the dataset" }).waitFor();
    const { contributions } = (await (await fetch(`${site.service.url}/api/v1/contributions?limit=1000`)).json()) as { contributions: { idempotency_key?: string }[] };
    const keys = contributions.map((contribution) => contribution.idempotency_key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("drafts a schema from a file, with what the file does not tell asked for", async () => {
    const page = await site.open(start);
    await page.getByRole("link", { name: "I have no dataset for this yet: draft a schema" }).click();
    await page.getByRole("heading", { name: "Draft a schema" }).waitFor();
    await choose(page, "Soil 1.csv", "Date;Temp [°C]\n03.04.2021 10:00;1,5\n03.04.2021 11:00;2,5\n");
    await page.getByRole("status").filter({ hasText: "leaves one question open" }).waitFor();
    const day = page.getByRole("button", { name: /The day comes first/ });
    expect(await day.textContent()).toContain("03.04.2021 11:00 → 2021-04-03T11:00:00");
    // By keyboard, which stays where it was.
    await day.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "All 2 rows fit" }).waitFor();
    expect(await day.getAttribute("aria-pressed")).toBe("true");
    expect(await day.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.getByText("Dimensions with this file: time 2.").waitFor();
    const schema = page.getByRole("region", { name: "Drafted schema" });
    expect(await schema.textContent()).toMatch(/soil_1:\n {2}COORDS:\n {4}time: .*%d\.%m\.%Y/);
    await page.getByLabel("Zone of the times").fill("Europe/Prague");
    await page.keyboard.press("Enter");
    await expect.poll(() => schema.textContent()).toContain("Europe/Prague");
    expect(await page.getByRole("region", { name: "For the configuration" }).textContent()).toMatch(/^datasets:\n {2}soil_1: .*\nendpoints:\n {2}soil_1: .*decimal_comma/);
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download soil_1.yaml" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("soil_1.yaml");
    expect(await readFile(await download.path(), "utf8")).toBe(await schema.textContent());
    expect(await violations(page)).toEqual([]);
    expect(await stored()).not.toContain("2021-04");
    // What cannot be drafted from says so, and the way back is open.
    site.allow(/422/);
    await choose(page, "none.csv", "a,b\n1,2\n");
    await page.getByRole("alert").filter({ hasText: "no column is a time, among `a`, `b`" }).waitFor();
    await page.getByRole("link", { name: "Contribute to a dataset instead" }).click();
    await page.getByRole("button", { name: "Contribute" }).waitFor();
  });
});
