/** Contributions: what arrived is seen at once, explained, shown, taken back and counted again. */

import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { BOREHOLES, HALF_GOOD, readings } from "./boreholes";
import { PHONE, useSite } from "./site";

const WRITER = "zf_writer_45678901234567890123456789012345678901";
const READER = "zf_reader_45678901234567890123456789012345678901";
const sha256 = async (text: string): Promise<string> => Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(text))).toString("hex");

const rows = (page: Page) => page.getByRole("region", { name: "Contributions" }).locator("tbody tr");
const detail = (page: Page) => page.getByRole("complementary", { name: "Contribution" });

describe("the view of contributions", () => {
  const site = useSite({
    schemas: { boreholes: BOREHOLES },
    configuration: "endpoints: {logger: {dataset: boreholes, node: temperature}}\n",
    fill: (site) => site.contribute("boreholes/temperature", readings("2025-01-01")),
  });
  const query = async (borehole: string): Promise<string> =>
    (await fetch(`${site.service.url}/api/v1/query/boreholes/temperature?var=rock_temp&sel.borehole=${borehole}&format=csv`)).text();

  it("shows what arrives within two seconds", async () => {
    const page = await site.open("?view=contributions");
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    await expect.poll(() => rows(page).count()).toBe(1);
    await site.contribute("logger", readings("2025-01-02", 5));
    await expect.poll(() => rows(page).first().textContent(), { timeout: 2000 }).toMatch(/merged.*boreholes\/temperature ← logger.*5/);
    await expect.poll(() => rows(page).count()).toBe(2);
  });

  it("filters by outcome, place and endpoint, in the address", async () => {
    await site.contribute("boreholes/temperature", HALF_GOOD);
    const page = await site.open("?view=contributions");
    await page.getByRole("combobox", { name: "Outcome" }).selectOption("partial");
    await expect.poll(() => rows(page).allTextContents()).toEqual([expect.stringMatching(/partial.*1 of 2.*1 problem/)]);
    await page.getByRole("combobox", { name: "Outcome" }).selectOption("");
    await page.getByLabel("Endpoint").fill("logger");
    await page.getByLabel("Endpoint").press("Enter");
    await expect.poll(() => rows(page).allTextContents()).toEqual([expect.stringContaining("logger")]);
    await page.reload();
    await expect.poll(() => rows(page).allTextContents()).toEqual([expect.stringContaining("logger")]);
    await page.getByLabel("Endpoint").fill("");
    await page.getByLabel("Endpoint").press("Enter");
    await page.getByRole("combobox", { name: "Where to" }).selectOption({ label: "boreholes/temperature" });
    await expect.poll(() => page.url()).toContain("dataset=boreholes&node=temperature");
    await expect.poll(() => rows(page).count()).toBe(3);
  });

  it("explains what was rejected, and shows what was delivered", async () => {
    const page = await site.open("?view=contributions&x.status=partial");
    await rows(page).first().getByRole("link").click();
    const reason = detail(page).getByRole("region", { name: "What was not taken" }).locator("tbody tr");
    await reason.waitFor();
    expect(await reason.locator("td").allTextContents()).toEqual(["2, line 3", "depth", "deep", "not a number; `depth` is float64"]);
    const other = await site.open(new URL(page.url()).search);
    await detail(other).getByText("text/csv").waitFor();
    await detail(other).getByRole("button", { name: "Show" }).click();
    await expect.poll(() => detail(other).getByRole("region", { name: "As delivered" }).textContent()).toBe(HALF_GOOD);
    const [download] = await Promise.all([other.waitForEvent("download"), detail(other).getByRole("link", { name: "Download" }).click()]);
    expect(download.suggestedFilename()).toMatch(/\.csv$/);
    expect(await readFile(await download.path(), "utf8")).toBe(HALF_GOOD);
    await detail(other).getByRole("button", { name: "Close" }).click();
    await expect.poll(() => detail(other).count()).toBe(0);
  });

  it("takes back and counts again, after asking", async () => {
    await site.contribute("boreholes/temperature", readings("2025-03-01", 4, "MISTAKE"));
    expect(await query("MISTAKE")).toContain("2025-03-01");
    const page = await site.open("?view=contributions");
    await rows(page).first().getByRole("link").click();
    await detail(page).getByRole("button", { name: "Retract" }).click();
    const dialog = page.getByRole("dialog", { name: "Retract" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect(await query("MISTAKE")).toContain("2025-03-01");
    await detail(page).getByRole("button", { name: "Retract" }).click();
    await dialog.getByRole("button", { name: "Retract" }).click();
    await detail(page).getByRole("status").filter({ hasText: "retracted" }).first().waitFor();
    await expect.poll(() => rows(page).first().textContent()).toContain("retracted");
    await expect.poll(() => query("MISTAKE")).not.toContain("2025-03-01");
    await detail(page).getByRole("button", { name: "Retry" }).click();
    await page.getByRole("dialog", { name: "Retry" }).getByRole("button", { name: "Retry" }).click();
    await expect.poll(() => rows(page).first().textContent()).toContain("merged");
    expect(await query("MISTAKE")).toContain("2025-03-01");
  });

  it("goes on to older ones, and does not jump while a person reads", async () => {
    const day = Date.parse("2025-05-01T00:00:00Z");
    for (let i = 0; i < 120; i += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, k) => site.contribute("boreholes/temperature", readings(new Date(day + (i + k) * 86_400_000).toISOString().slice(0, 10), 1))));
    }
    const page = await site.open("?view=contributions");
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    await expect.poll(() => rows(page).count()).toBe(100);
    await page.getByRole("button", { name: "Older ones" }).click();
    await expect.poll(() => rows(page).count()).toBeGreaterThan(120);
    const middle = rows(page).nth(60);
    await middle.evaluate((element) => element.scrollIntoView({ block: "center" }));
    const [id, box] = [await middle.getAttribute("data-id"), await middle.boundingBox()];
    await site.contribute("boreholes/temperature", readings("2025-12-01", 7));
    const fresh = page.getByRole("button", { name: "1 new" });
    await fresh.waitFor({ timeout: 2000 });
    expect(await page.locator(`[data-id="${id ?? ""}"]`).boundingBox()).toEqual(box);
    await fresh.click();
    await expect.poll(() => rows(page).first().textContent()).toMatch(/merged.*7/);
    await expect.poll(() => fresh.count()).toBe(0);
  });

  it("opens a contribution with the keyboard, and on a phone in place of the list", async () => {
    const page = await site.open("?view=contributions", { size: PHONE });
    await rows(page).first().getByRole("link").focus();
    await page.keyboard.press("Enter");
    await detail(page).getByText("SHA-256").waitFor();
    await expect.poll(() => rows(page).first().isVisible()).toBe(false);
    await detail(page).getByRole("button", { name: "Close" }).click();
    await expect.poll(() => rows(page).first().isVisible()).toBe(true);
  });
});

describe("who may only read", async () => {
  const tokens = `[{name: writer, sha256: ${await sha256(WRITER)}, scopes: ["read:*", "ingest:*"]}, {name: reader, sha256: ${await sha256(READER)}, scopes: ["read:*"]}]`;
  const site = useSite({
    schemas: { boreholes: BOREHOLES },
    configuration: `auth: {tokens: ${tokens}}\n`,
    fill: (site) => site.contribute("boreholes/temperature", readings("2025-01-01"), "text/csv", { Authorization: `Bearer ${WRITER}` }),
  });

  it("is told which scope retracting needs, and can sign in as somebody else", async () => {
    site.allow(/40[13]/);
    const page = await site.open("?view=contributions");
    const signIn = page.getByRole("dialog", { name: "Sign in" });
    const enter = async (token: string): Promise<void> => {
      await signIn.getByLabel("Token", { exact: true }).fill(token);
      await signIn.getByRole("button", { name: "Sign in" }).click();
    };
    const retract = async (): Promise<void> => {
      await detail(page).getByRole("button", { name: "Retract" }).click();
      await page.getByRole("dialog", { name: "Retract" }).getByRole("button", { name: "Retract" }).click();
    };
    await enter(READER);
    await rows(page).first().getByRole("link").click();
    await retract();
    await detail(page).getByRole("alert").filter({ hasText: "correct:boreholes" }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), detail(page).getByRole("link", { name: "Download" }).click()]);
    expect(await readFile(await download.path(), "utf8")).toBe(readings("2025-01-01"));
    await detail(page).getByRole("button", { name: "Sign in as somebody else" }).click();
    await enter(WRITER);
    await retract();
    await expect.poll(() => rows(page).first().textContent()).toContain("retracted");
  });
});
