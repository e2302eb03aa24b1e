import { describe, expect, it } from "vitest";
import { formatNumber, fromLocal, iso, niceStep, niceTicks, offset, timeTexts, timeTicks } from "./scale";

const at = (text: string): number => Date.parse(text) / 1000;
const texts = (ticks: number[]): string[] => ticks.map(iso);

describe("ticks of numbers", () => {
  it("are 1, 2, 2.5 or 5 times a power of ten apart", () => expect([0.3, 1, 1.1, 2.2, 3, 70, 0.0012].map(niceStep)).toEqual([0.5, 1, 2, 2.5, 5, 100, 0.002]));
  it("lie within the range, without noise", () => expect(niceTicks(-0.21, 0.4, 7)).toEqual([-0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4]));
  it("do not end in an endless loop where there is no range", () => expect([niceTicks(5, 5, 4), niceTicks(NaN, NaN, 4)]).toEqual([[5], []]));
  it("have as many decimals as their step", () =>
    expect([formatNumber(1, 0.5), formatNumber(2.5, 2.5), formatNumber(-12, 2), formatNumber(0.001, 0.0005), formatNumber(20_000_000, 1e7)]).toEqual(["1.0", "2.5", "−12", "0.0010", "2e7"]));
});

describe("a time zone", () => {
  it("is so far ahead of UTC, in winter and in summer", () => expect([offset(at("2025-01-15T00:00:00Z"), "Europe/Prague"), offset(at("2025-07-15T00:00:00Z"), "Europe/Prague")]).toEqual([3600, 7200]));
  it("has midnights, also on the days when clocks change", () => {
    const midnight = (y: number, m: number, d: number): string => iso(fromLocal(Date.UTC(y, m, d) / 1000, "Europe/Prague"));
    expect([midnight(2025, 2, 30), midnight(2025, 2, 31), midnight(2025, 9, 26), midnight(2025, 9, 27)]).toEqual([
      "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z",
    ]);
  });
});

describe("ticks of time", () => {
  it("begin days where the zone does", () => {
    const { ticks, kind } = timeTicks(at("2025-03-28T12:00:00Z"), at("2025-04-01T12:00:00Z"), 5, "Europe/Prague");
    expect(kind).toBe("day");
    expect(texts(ticks)).toEqual(["2025-03-28T23:00:00Z", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", "2025-03-31T22:00:00Z"]);
  });
  it("stand at full hours of the zone, also of one with half hours", () =>
    expect(texts(timeTicks(at("2025-01-01T00:00:00Z"), at("2025-01-01T08:00:00Z"), 3, "Asia/Kolkata").ticks)).toEqual(["2025-01-01T00:30:00Z", "2025-01-01T03:30:00Z", "2025-01-01T06:30:00Z"]));
  it("begin months and years in long windows", () => {
    expect(texts(timeTicks(at("2024-11-10T00:00:00Z"), at("2025-03-10T00:00:00Z"), 5, "UTC").ticks)).toEqual(["2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z", "2025-03-01T00:00:00Z"]);
    expect(texts(timeTicks(at("2001-03-01T00:00:00Z"), at("2021-03-01T00:00:00Z"), 5, "UTC").ticks)).toEqual(["2005-01-01T00:00:00Z", "2010-01-01T00:00:00Z", "2015-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]);
  });
  it("are never many more than asked for, however long the window is", () => {
    for (let wide = 0.5; wide < 4e9; wide *= 1.7) {
      const { ticks } = timeTicks(1.7e9 - wide / 2, 1.7e9 + wide / 2, 8, "Europe/Prague");
      expect(ticks.length, `${wide} s`).toBeLessThanOrEqual(11);
      expect(ticks.length, `${wide} s`).toBeGreaterThanOrEqual(2);
      expect([...ticks].sort((a, b) => a - b)).toEqual(ticks);
    }
  });
  it("name the day where it is new", () => {
    const ticks = timeTicks(at("2025-01-01T20:00:00Z"), at("2025-01-02T04:00:00Z"), 4, "UTC");
    expect(timeTexts(ticks, "UTC", "en-GB")).toEqual(["20:00\n1 Jan 2025", "22:00", "00:00\n2 Jan", "02:00", "04:00"]);
  });
});
