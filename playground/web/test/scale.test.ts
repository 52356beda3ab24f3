import { describe, expect, it } from "vitest";
import { areaPath, bands, every, linePath, placed, scaleOf, slices, written } from "../src/blocks/chart/scale";
import { described, plotOf } from "../src/blocks/chart/Chart";

describe("ticks", () => {
  it.each([
    ["rewards", [0, 0.95], true, [0, 0.25, 0.5, 0.75, 1]],
    ["a narrow range far from zero", [100, 104], false, [100, 101, 102, 103, 104]],
    ["below and above zero", [-3, 5], true, [-4, -2, 0, 2, 4, 6]],
    ["nothing at all", [], true, [0, 0.25, 0.5, 0.75, 1]],
    ["one value", [8], true, [0, 2, 4, 6, 8]],
    ["what is no number", [Number.NaN, 1], true, [0, 0.25, 0.5, 0.75, 1]],
    ["only zeros", [0, 0], false, [0, 0.25, 0.5, 0.75, 1]],
  ])("%s", (_, values, fromZero, ticks) => expect(scaleOf(values, fromZero).ticks).toEqual(ticks));

  it.each([[[1e-7, 3e-7]], [[1e9, 7e9]], [[-5, -5]], [[0.1, 0.1]]])("enclose %j", (values) => {
    const { low, high, ticks } = scaleOf(values, false);
    expect(low).toBeLessThanOrEqual(Math.min(...values));
    expect(high).toBeGreaterThanOrEqual(Math.max(...values));
    expect(low).toBeLessThan(high);
    expect(ticks.length).toBeLessThan(9);
  });
});

it("places the ends at the ends", () => {
  const scale = scaleOf([0, 10], true);
  expect([placed(0, scale, 200, 0), placed(5, scale, 200, 0), placed(10, scale, 200, 0)]).toEqual([200, 100, 0]);
  expect(bands(4, 0, 100).middle(1)).toBe(37.5);
});

it("leaves out labels that would touch", () => {
  expect(every(["1", "2"], 50)).toBe(1);
  expect(every(["a long label", "another one"], 30)).toBeGreaterThan(2);
});

it("breaks a line where a point is missing", () => {
  expect(linePath([[0, 1], [1, 2], null, [3, 4]])).toBe("M0 1L1 2M3 4");
  expect(areaPath([[0, 1], null, [2, 3], [3, 4]], 9)).toBe("M0 1L0 9L0 9ZM2 3L3 4L3 9L2 9Z");
});

it("cuts a pie into shares of the whole, whatever is sent", () => {
  const found = slices([{ label: "a", value: 3 }, { label: "b", value: 1 }, { label: "c", value: -2 }], 10, 5);
  expect(found.map((slice) => slice.share)).toEqual([0.75, 0.25, 0]);
  expect(found[2]?.path).toBe("");
  expect(slices([{ label: "a", value: 1 }], 10, 5)[0]?.path).toContain("A10 10 0 1 1");
  expect(slices([{ label: "a", value: 0 }], 10, 5)[0]?.share).toBe(0);
});

it.each([[0.12345, "0.1235"], [1234, "1,234"], [12345678, "12.35M"], [1e-5, "1.0e-5"], [Number.NaN, "–"]])("writes %d", (value, shown) => {
  expect(written(value)).toBe(shown);
});

it("says in words what a chart shows, and finds categories that were not named", () => {
  const plot = plotOf({ type: "line", series: [{ name: "reward", data: [{ label: "1", value: 0.1 }, { label: "2", value: 0.5 }] }] });
  expect(plot.categories).toEqual(["1", "2"]);
  expect(described(plot)).toBe("line chart: reward from 0.1 (1) to 0.5 (2)");
});
