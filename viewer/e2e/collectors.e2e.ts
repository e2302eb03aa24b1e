/** Collectors: when they run, what came of it, and running them at once; against a source that answers or does not. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { BOREHOLES, readings } from "./boreholes";
import { useSite } from "./site";

let isBroken = true;
const source = createServer((request, response) => {
  if (request.url === "/flaky.csv" && isBroken) response.writeHead(404).end("no such thing");
  else response.writeHead(200, { "Content-Type": "text/csv" }).end(readings("2025-01-01"));
});
await new Promise<void>((resolve) => source.listen(0, "127.0.0.1", resolve));
const port = (source.address() as AddressInfo).port;
afterAll(() => source.close());

const collector = (name: string, cron: string): string => `  ${name}:
    dataset: boreholes
    target_node: temperature
    catch_up: none
    runs: [{cron: "${cron}", timezone: Europe/Prague}]
    request:
      url: http://127.0.0.1:${port}/${name}.csv
      headers: [{header_name: User-Agent, header_value: "example.org ann@example.org"}]
      allow_private: [127.0.0.1]
`;

describe("the view of collectors", () => {
  const site = useSite({
    schemas: { boreholes: BOREHOLES },
    configuration: `collectors:\n${collector("steady", "0 6 * * *")}${collector("flaky", "*/20 3 1 2 *")}  inbox: {dataset: boreholes, target_node: temperature, folder: {path: ., pattern: "*.incoming"}}\n`,
  });
  const card = (page: Page, name: string) => page.getByRole("article", { name, exact: true });

  it("tells schedules in words and as they are written, and the next run", async () => {
    const page = await site.open("?view=collectors");
    await expect.poll(() => card(page, "steady").textContent()).toMatch(/every day at 06:00 \(Europe\/Prague\) *0 6 \* \* \*/);
    await expect.poll(() => card(page, "steady").getByText(/^in \d+ (hr|min|sec)/).count()).toBe(1);
    await expect.poll(() => card(page, "steady").textContent()).toMatch(/0[45]:00:00/);
    await expect.poll(() => card(page, "flaky").textContent()).toContain("*/20 3 1 2 *");
    await expect.poll(() => card(page, "inbox").textContent()).toContain("watches a folder");
  });

  it("runs one now, and tells what came of it", async () => {
    const page = await site.open("?view=collectors");
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    await card(page, "steady").getByRole("button", { name: "Run steady now" }).click();
    await card(page, "steady").getByText("good", { exact: true }).waitFor({ timeout: 5000 });
    await expect.poll(() => card(page, "steady").textContent()).toContain("1 merged");
    await card(page, "steady").locator("summary").click();
    expect(await card(page, "steady").getByRole("row", { name: /^requests/ }).locator("td").allTextContents()).toEqual(["1", "1"]);
    const answer = await fetch(`${site.service.url}/api/v1/query/boreholes/temperature?var=rock_temp&format=csv`);
    expect((await answer.text()).trim().split("\n").length).toBe(25);
  });

  it("counts failures in a row and says why, until it is good again", async () => {
    const page = await site.open("?view=collectors");
    const run = card(page, "flaky").getByRole("button", { name: "Run flaky now" });
    await run.click();
    await card(page, "flaky").getByText("failed 1 time in a row").waitFor({ timeout: 10_000 });
    await expect.poll(() => card(page, "flaky").textContent()).toMatch(/404/);
    const badge = page.getByRole("button", { name: /\d problems?$/ });
    await badge.click();
    await page.getByRole("dialog").getByText(/flaky/).first().waitFor();
    await page.keyboard.press("Escape");
    isBroken = false;
    await expect.poll(() => run.isEnabled()).toBe(true);
    await run.click();
    await card(page, "flaky").getByText("good", { exact: true }).waitFor({ timeout: 10_000 });
    await expect.poll(() => card(page, "flaky").getByText("in a row").count()).toBe(0);
  });
});
