/** The shell: going about, live, problems, preferences, signing in; by mouse, by keyboard, on a phone. */

import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { BOREHOLES, HALF_GOOD, readings } from "./boreholes";
import { PHONE, useSite, violations } from "./site";

const TOKEN = "zf_0123456789012345678901234567890123456789012";
const TOKEN_SHA256 = "9697da1ad16b7d513bd14dfefea3c1c0bf6767776ad5a4c98ab557dd55858c52";

describe("the shell", () => {
  const site = useSite({
    schemas: { boreholes: BOREHOLES, weather: BOREHOLES.replaceAll("Borehole temperatures", "Weather").replaceAll("boreholes.zarr", "weather.zarr") },
    fill: (site) => site.contribute("boreholes/temperature", readings("2025-01-01")),
  });
  const nav = (page: Page, name: string) => page.getByRole("navigation").getByRole("link", { name, exact: true });

  it("has a link for each view, which restores it elsewhere", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature");
    const href = await nav(page, "Contributions").getAttribute("href");
    const other = await site.open(href ?? "");
    await other.getByRole("heading", { level: 1, name: "Contributions" }).waitFor();
    expect(await nav(other, "Contributions").getAttribute("aria-current")).toBe("page");
    await expect.poll(() => other.getByLabel("Dataset and node").locator("option:checked").textContent()).toBe("boreholes / temperature");
    expect(await other.title()).toContain("Contributions · boreholes/temperature");
  });

  it("goes back as the browser does", async () => {
    const page = await site.open();
    await nav(page, "Collectors").click();
    await page.getByRole("heading", { level: 1, name: "Collectors" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Datasets" }).waitFor();
  });

  it("lets a person choose a node, which stands in the address", async () => {
    const page = await site.open();
    await page.getByLabel("Dataset and node").selectOption({ label: "weather / temperature" });
    await expect.poll(() => page.url()).toContain("dataset=weather&node=temperature");
    await expect.poll(() => page.getByRole("article", { name: "boreholes/temperature" }).isVisible()).toBe(false);
  });

  it("can be used with the keyboard alone", async () => {
    const page = await site.open();
    await page.getByRole("heading", { level: 1, name: "Datasets" }).waitFor();
    await page.keyboard.press("Tab");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
    await nav(page, "Contributions").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Contributions");
    await page.getByRole("button", { name: /Preferences/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      await expect.poll(() => page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null)).toBe(true);
    }
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toContain("Preferences");
  });

  it("is live, and says when it is not", async () => {
    const page = await site.open();
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    site.allow(/ERR_FAILED|ERR_INTERNET_DISCONNECTED|Failed to load/);
    await page.route("**/api/v1/events", (route) => route.abort());
    await page.context().setOffline(true);
    await page.reload().catch(() => undefined);
    await page.context().setOffline(false);
    await page.goto(site.url);
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
    await page.unroute("**/api/v1/events");
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor({ timeout: 30_000 });
  });

  it("tells of problems: what, since when, and where to look", async () => {
    const page = await site.open();
    await page.getByRole("button", { name: "No problems known" }).waitFor();
    await site.contribute("boreholes/temperature", "a,b\n1,2\n").catch(() => undefined);
    const badge = page.getByRole("button", { name: /\d problems?$/ });
    await badge.waitFor({ timeout: 5000 });
    await badge.click();
    const problem = page.getByRole("dialog").getByRole("listitem").filter({ hasText: "boreholes/temperature" }).first();
    await expect.poll(() => problem.textContent()).toMatch(/rejected.*since .*20\d\d/s);
    await problem.getByRole("link").click();
    await page.getByRole("heading", { level: 1, name: "Contributions" }).waitFor();
    expect(await page.getByRole("combobox", { name: "Outcome" }).inputValue()).toBe("rejected");
  });

  it("speaks Czech, and stays Czech", async () => {
    const page = await site.open();
    await page.getByRole("button", { name: /Preferences/ }).click();
    await page.getByRole("combobox", { name: "Language" }).selectOption("cs");
    await page.getByRole("dialog", { name: "Předvolby" }).waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Datasety" }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("cs");
    await expect.poll(() => nav(page, "Příspěvky").count()).toBe(1);
  });

  it("speaks the language of the browser at first", async () => {
    const page = await site.open("", { language: "cs" });
    await page.getByRole("heading", { level: 1, name: "Datasety" }).waitFor();
  });

  it("is dark when that is chosen", async () => {
    const page = await site.open();
    await page.getByRole("heading", { level: 1, name: "Datasets" }).waitFor();
    const bright = await site.pixels(page);
    expect(bright.at(3, 300)).toEqual([244, 246, 248]);
    await page.getByRole("button", { name: /Preferences/ }).click();
    await page.getByRole("combobox", { name: "Colours" }).selectOption("dark");
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await site.pixels(page)).at(3, 300)).toEqual([15, 20, 24]);
  });

  it("shows times in the zone chosen", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature", { zone: "Asia/Tokyo" });
    const extent = page.getByRole("row").filter({ hasText: "date_time" }).first();
    await expect.poll(() => extent.textContent()).toContain("1 Jan 2025, 00:00:00");
    await page.getByRole("button", { name: /Preferences/ }).click();
    await page.getByRole("combobox", { name: "Time zone" }).selectOption("Europe/Prague");
    await expect.poll(() => extent.textContent()).toContain("1 Jan 2025, 01:00:00");
    await page.getByRole("combobox", { name: "Time zone" }).selectOption("browser");
    await expect.poll(() => extent.textContent()).toContain("1 Jan 2025, 09:00:00");
  });

  it("shows values in the unit preferred", async () => {
    const page = await site.open("?dataset=boreholes&node=temperature");
    await page.getByRole("cell", { name: "°C", exact: true }).waitFor();
    await page.getByRole("button", { name: /Preferences/ }).click();
    await page.getByRole("dialog").getByRole("combobox", { name: "°C" }).selectOption("K");
    await page.keyboard.press("Escape");
    await page.getByRole("cell", { name: "K", exact: true }).waitFor();
    await expect.poll(() => page.getByRole("img", { name: /rock_temp: from 27/ }).count()).toBeGreaterThan(0);
  });

  it("says what to do when the service is not there", async () => {
    site.allow(/ERR_FAILED|Failed to load/);
    const page = await site.open("?view=collectors");
    await page.route("**/api/v1/contributions*", (route) => route.abort());
    await nav(page, "Contributions").click();
    await expect.poll(() => page.getByRole("alert").filter({ hasText: "Is it running" }).count()).toBeGreaterThan(0);
    await page.unroute("**/api/v1/contributions*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: /ago|now/ }).first().waitFor();
  });

  it("fits on a phone", async () => {
    for (const view of ["datasets", "contributions", "collectors", "upload"]) {
      const page = await site.open(`?view=${view}&dataset=boreholes&node=temperature`, { size: { ...PHONE, width: 360 } });
      await page.getByRole("heading", { level: 1 }).waitFor();
      expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector("main")?.scrollWidth ?? 0)), view).toBeLessThanOrEqual(360);
    }
  });

  it("has no serious violations that axe finds", async () => {
    await site.contribute("boreholes/temperature", HALF_GOOD);
    const answer = (await (await fetch(`${site.service.url}/api/v1/contributions?status=partial`)).json()) as { contributions: { id: string }[] };
    const views = ["datasets", "contributions", `contributions&x.id=${answer.contributions[0]?.id ?? ""}`, "collectors", "upload"];
    for (const theme of ["light", "dark"] as const) {
      for (const view of views) {
        const page = await site.open(`?view=${view}`, { theme });
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("load");
        if (view.includes("x.id")) await page.getByRole("button", { name: "Retract" }).waitFor();
        expect(await violations(page), `${view}, ${theme}`).toEqual([]);
      }
    }
    const page = await site.open();
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    // Where nobody needs to sign in, nothing asks for it.
    await expect.poll(() => page.getByRole("button", { name: "Sign in" }).count()).toBe(0);
    await page.getByRole("button", { name: /Preferences/ }).click();
    await page.getByRole("dialog").waitFor();
    expect(await violations(page), "dialog").toEqual([]);
  });
});

describe("signing in", () => {
  const HASH = "$argon2id$v=19$m=19456,t=2,p=1$Sn8EwIwBYbQsI6cgApL2Pw$u/6bW1aOhN1pRecZWaU/y8DweShdz/f/lNdVQVc8lJk";
  const site = useSite({
    schemas: { boreholes: BOREHOLES },
    configuration: `auth: {users: [{name: ann, password_hash: "${HASH}", scopes: ["read:boreholes"]}], tokens: [{name: writer, sha256: "${TOKEN_SHA256}", scopes: ["read:*", "ingest:*"]}]}\n`,
    fill: (site) => site.contribute("boreholes/temperature", readings("2025-01-01"), "text/csv", { Authorization: `Bearer ${TOKEN}` }),
  });
  const article = (page: Page) => page.getByRole("article", { name: "boreholes/temperature" });

  it("is asked for where nothing is public, by name and password", async () => {
    site.allow(/401/);
    const page = await site.open();
    const dialog = page.getByRole("dialog", { name: "Sign in" });
    await dialog.waitFor();
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Name and password" }).click();
    await dialog.getByLabel("Name", { exact: true }).fill("ann");
    await dialog.getByLabel("Password").fill("not this one");
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.getByRole("alert").filter({ hasText: "not right" }).waitFor();
    await dialog.getByLabel("Password").fill("a good password");
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await article(page).waitFor();
    await page.getByText("ann", { exact: true }).waitFor();
    await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
    // It lasts for the session: another window has to sign in again.
    await page.reload();
    await article(page).waitFor();
    const other = await page.context().newPage();
    await other.goto(site.url);
    await other.getByRole("dialog", { name: "Sign in" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await dialog.waitFor();
    await expect.poll(() => article(page).count()).toBe(0);
  });

  it("takes a token, and keeps it when asked to", async () => {
    site.allow(/401/);
    const page = await site.open();
    const dialog = page.getByRole("dialog", { name: "Sign in" });
    await dialog.getByLabel("Token", { exact: true }).fill("zf_unknown");
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.getByRole("alert").filter({ hasText: "does not know this token" }).waitFor();
    await dialog.getByLabel("Token", { exact: true }).fill(TOKEN);
    await dialog.getByLabel("Stay signed in").check();
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await article(page).waitFor();
    const other = await page.context().newPage();
    await other.goto(site.url);
    await article(other).waitFor();
  });
});
