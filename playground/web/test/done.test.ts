import { describe, expect, test } from "vitest";
import { asInGuide, filled, progressOf } from "../src/state/done";
import type { GuideStep } from "../src/wire/types";

const PATTERN = "\\bsmoke-[0-9a-f]{4}\\b";
const step = (...lines: string[]): GuideStep => ({ title: "", text: "", lines, run_pattern: PATTERN });
const GUIDE = [step("/verl launch smoke"), step("/verl plot RUN", "/verl plot RUN picture"), step("/verl help")];

describe("the guide", () => {
  test.each([
    ["by hand, with a run's id", "/verl plot smoke-7f3a  picture ", "/verl plot RUN picture"],
    ["as it is", "/verl help", "/verl help"],
  ])("knows a line that was typed %s", (_, typed, line) => expect(asInGuide(typed, GUIDE)).toBe(line));

  test.each([
    ["the newest run", ["smoke-0001 runs", "smoke-0002 and smoke-0003"], "/verl plot smoke-0003"],
    ["the newest run, whatever comes of others", ["smoke-0001", "smoke-0002", "smoke-0001 failed"], "/verl plot smoke-0002"],
    ["nothing where there is no run", ["hello"], null],
  ])("fills in %s", (_, texts, line) => expect(filled("/verl plot RUN", GUIDE[1]!, texts)).toBe(line));

  test("ticks steps off and names the next one", () => {
    expect(progressOf(GUIDE, ["/verl launch smoke"])).toEqual({ finished: [true, false, false], next: 1 });
    expect(progressOf(GUIDE, ["/verl launch smoke", "/verl plot RUN", "/verl help"]).next).toBe(-1);
  });
});
