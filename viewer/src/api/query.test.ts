import { describe, expect, it } from "vitest";
import { numbers, parseCsv, questionPath, quoted } from "./query";

describe("an answer in CSV", () => {
  it("is read by columns", () =>
    expect(parseCsv("a,b\n1,\n,x\n")).toEqual({ names: ["a", "b"], columns: [["1", ""], ["", "x"]] }));
  it("may have quotes, commas and lines inside of cells", () =>
    expect(parseCsv('n,v\r\n"a ""b"", c",1\r\n"two\nlines",2\r\n')).toEqual({ names: ["n", "v"], columns: [['a "b", c', "two\nlines"], ["1", "2"]] }));
  it("may be empty", () => expect(parseCsv("a,b\n")).toEqual({ names: ["a", "b"], columns: [[], []] }));
  it("has numbers, and no value where nothing is", () => expect([...numbers(["1.5", "", "-2e3"])]).toEqual([1.5, NaN, -2000]));
});

describe("a question", () => {
  it("is the path that curl takes too", () =>
    expect(questionPath({ dataset: "d", node: "a/b c", variables: ["x", "y"], select: { t: "2025-01-01/" }, more: { max_points: 9 } }, "csv")).toBe(
      "api/v1/query/d/a/b%20c?var=x,y&sel.t=2025-01-01/&max_points=9&format=csv",
    ));
  it("quotes values that could mean something else", () => expect([quoted("B1-meadow"), quoted("a,b"), quoted('x"'), quoted("-0.5")]).toEqual(["B1-meadow", '"a,b"', '"x"""', "-0.5"]));
});
