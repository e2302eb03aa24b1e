import { describe, expect, it } from "vitest";
import { fits, type Line, placed, rowsText } from "./list";

const line = (id: string, received_at: string, status = "merged"): Line => ({
  id, seq: 1, status, dataset: "boreholes", node: "temperature", endpoint: "boreholes", received_at, n_bytes: 1,
});
const ids = (lines: Line[]): string => lines.map(({ id }) => id).join("");

describe("the list of contributions", () => {
  const lines = [line("c", "2026-01-03"), line("a", "2026-01-01")];

  it("has the newest first", () => {
    expect(ids(placed(lines, line("d", "2026-01-04"), 9))).toBe("dca");
    expect(ids(placed(lines, line("b", "2026-01-02"), 9))).toBe("cba");
  });
  it("shows a contribution once, in its newest state", () => {
    const after = placed(lines, { ...line("a", "2026-01-01", "retracted"), n_rows_read: 3 }, 9);
    expect([ids(after), after[1]?.status, after[1]?.n_rows_read]).toEqual(["ca", "retracted", 3]);
  });
  it("is bounded", () => expect(ids(placed(lines, line("d", "2026-01-04"), 2))).toBe("dc"));
  it("leaves out what the filter does", () => {
    const filter = { dataset: "boreholes", node: "", status: "rejected", endpoint: "" };
    expect([fits(line("a", "", "rejected"), filter), fits(line("a", ""), filter)]).toEqual([true, false]);
  });
  it("tells how many rows took part", () => {
    expect(rowsText({ ...line("a", ""), n_rows_read: 8, n_rows_accepted: 8 })).toBe("8");
    expect(rowsText({ ...line("a", ""), n_rows_read: 1000, n_rows_accepted: 7 })).toBe("7 of 1,000");
    expect(rowsText(line("a", ""))).toBe("…");
  });
});
