import { afterEach, describe, expect, it } from "vitest";
import { decimals, formatAgo, formatBytes, formatCount, formatDuration, formatNumber, formatTime, formatUnit, formatValue } from "./format";
import { setLanguage, t, tn } from "./i18n";
import { alternatives, isZone, preferUnit, preferredUnits } from "./settings";

afterEach(() => setLanguage("en"));

describe("a number", () => {
  it("is as fine as its range", () => {
    expect([decimals([0, 30]), decimals([0, 5000]), decimals([1, 1.002]), decimals([5, 5])]).toEqual([2, 0, 6, 3]);
    expect(formatNumber(12.3456, [0, 30])).toBe("12.35");
    expect(formatNumber(-3, [-5, 5])).toBe("−3.00");
  });
  it("keeps its integer part", () => expect(formatNumber(1234567.8)).toBe("1,234,568"));
  it("is written by powers of ten when far from one", () => expect([formatNumber(1.5e12), formatNumber(2e-7)]).toEqual(["1.5×10¹²", "2×10⁻⁷"]));
  it("that is missing is a dash", () => expect(formatNumber(NaN)).toBe("–"));
  it("follows the language", () => {
    setLanguage("cs");
    expect(formatNumber(12.5)).toBe("12,5");
  });
});

describe("a unit", () => {
  it.each([
    ["degC", "°C"],
    ["m/s", "m/s"],
    ["m s-1", "m/s"],
    ["kg m-3", "kg/m³"],
    ["kg m**-3", "kg/m³"],
    ["W/m^2", "W/m²"],
    ["ug/m3", "µg/m³"],
    ["degrees_north", "°N"],
    ["J/kg/K", "J/(kg·K)"],
    ["%", "%"],
    ["1/s", "1/s"],
    ["", ""],
    ["users", "users"],
  ])("%s reads %s", (unit, text) => expect(formatUnit(unit)).toBe(text));
  it("stands after its value", () => expect([formatValue(7, "degC"), formatValue(49.5, "degrees_north"), formatValue(3, "")]).toEqual(["7 °C", "49.5°N", "3"]));
  it("can be exchanged for others of its quantity", () => {
    expect(alternatives("degree_Celsius")).toEqual(["degree_Celsius", "K", "degF"]);
    expect(alternatives("mol")).toEqual([]);
    preferUnit("degC", "K");
    expect(preferredUnits()).toEqual({ degC: "K" });
    preferUnit("degC", "degC");
    expect(preferredUnits()).toEqual({});
  });
});

describe("a time", () => {
  it("is told in a zone", () => {
    expect(formatTime("2026-07-01T22:30:05Z", "UTC")).toBe("1 Jul 2026, 22:30:05");
    expect(formatTime("2026-07-01T22:30:05Z", "Europe/Prague", "minute")).toBe("2 Jul 2026, 00:30");
  });
  it("that cannot be read stays as it is", () => expect(formatTime("soon", "UTC")).toBe("soon"));
  it("is told from now", () => {
    const now = Date.parse("2026-01-01T12:00:00Z");
    expect(formatAgo("2026-01-01T11:57:00Z", now)).toBe("3 min ago");
    expect(formatAgo(now + 7_300_000, now)).toBe("in 2 hr");
    setLanguage("cs");
    expect(formatAgo("2025-12-30T11:57:00Z", now)).toBe("před 2 dny");
  });
  it("knows its zones", () => expect([isZone("Europe/Prague"), isZone("Mars/Base")]).toEqual([true, false]));
});

describe("a size", () => {
  it("in bytes", () => expect([0, 607, 1536, 5 * 1024 ** 2, 1024 ** 2 - 1].map(formatBytes)).toEqual(["0 B", "607 B", "1.5 KiB", "5 MiB", "1 MiB"]));
  it("in time", () => expect([12, 4200, 59_960, 200_000, 7_500_000, 270_000_000].map(formatDuration)).toEqual(["12 ms", "4.2 s", "1 min", "3 min 20 s", "2 h 5 min", "3 d 3 h"]));
  it("of a count", () => expect(formatCount(46080)).toBe("46,080"));
});

describe("a text", () => {
  it("has the plural of its language", () => {
    expect([1, 2, 5].map((n) => tn("shell_problems_n", n))).toEqual(["1 problem", "2 problems", "5 problems"]);
    setLanguage("cs");
    expect([1, 2, 5].map((n) => tn("shell_problems_n", n))).toEqual(["1 problém", "2 problémy", "5 problémů"]);
  });
  it("is Czech when that is chosen", () => {
    setLanguage("cs");
    expect(t("contributions")).toBe("Příspěvky");
  });
});
