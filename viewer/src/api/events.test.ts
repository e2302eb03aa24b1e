import { describe, expect, it } from "vitest";
import { parse } from "./events";

describe("events of the service", () => {
  it("are taken when they are complete", () => {
    const { events, rest, last } = parse('id: 7\nevent: commit\ndata: {"n":1}\n\nevent: commit\ndata: {"n":');
    expect(events).toEqual([{ type: "commit", id: "7", data: { n: 1 } }]);
    expect([rest, last]).toEqual(['event: commit\ndata: {"n":', "7"]);
  });
  it("may tell a place without data", () => expect(parse("retry: 3000\n\nid: a-26\n\n")).toEqual({ events: [], last: "a-26", rest: "" }));
  it("pass over comments and what is no JSON", () => expect(parse(": still here\n\ndata: hello\n\n").events).toEqual([]));
  it("may have data of several lines", () => expect(parse('data: [1,\ndata: 2]\n\n').events[0]?.data).toEqual([1, 2]));
});
