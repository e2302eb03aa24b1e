import { afterEach, describe, expect, it } from "vitest";
import { setLanguage } from "../i18n";
import { inWords, schedule } from "./cron";

afterEach(() => setLanguage("en"));

describe("a schedule in words", () => {
  it.each([
    ["*/15 * * * *", "every 15 minutes"],
    ["* * * * *", "every minute"],
    ["5 * * * *", "every hour at :05"],
    ["0 */6 * * *", "every 6 hours at :00"],
    ["0 6 * * *", "every day at 06:00"],
    ["30 6,18 * * *", "every day at 06:30 and 18:30"],
    ["30 0 6 * * *", "every day at 06:00:30"],
    ["0 8 * * MON-FRI", "on Monday, Tuesday, Wednesday, Thursday and Friday, at 08:00"],
    ["0 8 1 * *", "on day 1 of the month, at 08:00"],
  ])("%s", (cron, words) => expect(inWords(cron)).toBe(words));

  it.each(["*/7 3-5 * 2 *", "nonsense", "0 25 * * *", "1 2 3", "0 8 L * *"])("%s stays as it is", (cron) => expect(inWords(cron)).toBeUndefined());

  it("names the time zone", () => {
    expect(schedule("0 6 * * * (Europe/Prague)")).toEqual({ words: "every day at 06:00 (Europe/Prague)", expression: "0 6 * * *" });
    expect(schedule("every 5s: inbox/*.csv")).toEqual({ expression: "every 5s: inbox/*.csv" });
  });
  it("is Czech when that is chosen", () => {
    setLanguage("cs");
    expect([inWords("*/2 * * * *"), inWords("0 6 * * 1")]).toEqual(["každé 2 minuty", "pondělí: v 06:00"]);
  });
});
