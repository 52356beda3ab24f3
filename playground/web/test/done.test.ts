import { describe, expect, test } from "vitest";
import { asInGuide, filled, isProven, progressOf } from "../src/state/done";
import type { GuideStep, Message, View } from "../src/wire/types";

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

  test("ticks a step off once all its lines were typed, and names the next one", () => {
    expect(progressOf(GUIDE, ["/verl launch smoke"])).toEqual({ finished: [true, false, false], next: 1 });
    expect(progressOf(GUIDE, ["/verl launch smoke", "/verl plot RUN"]).next).toBe(1);
    expect(progressOf(GUIDE, ["/verl launch smoke", "/verl plot RUN", "/verl plot RUN picture", "/verl help"]).next).toBe(-1);
  });

  test("ticks a step that has a proof off by that proof alone", () => {
    const guide = [{ ...LAUNCH, title: "Launch a run" }];
    expect(progressOf(guide, LAUNCH.lines).next).toBe(0);
    expect(progressOf(guide, ["Launch a run"]).next).toBe(-1);
  });

  const LAUNCH: GuideStep = { ...step("/verl launch smoke"), done_pattern: "\\bis running\\b" };
  const said = (text: string, user = "UBOT", ts = "100.5") => ({ text, user, ts }) as Message;
  const form = { body: { title: { text: "Launch a run" } } } as View;

  test.each([
    ["what was done", [said("smoke-0001 is running")], null, true],
    ["what a card says", [{ ...said(""), attachments: [{ type: "x", text: "it is running" }] }], null, true],
    ["a refusal", [said("Your limit is 1 run.")], null, false],
    ["what a person says", [said("it is running", "UANA")], null, false],
    ["what was shown before the guide was begun again", [said("smoke-0001 is running", "UBOT", "99.5")], null, false],
    ["nothing", [], null, false],
  ])("takes %s for what it is", (_, messages, modal, proven) =>
    expect(isProven(LAUNCH, { bot: "UBOT", messages, modal }, 100)).toBe(proven));

  test("takes a form that has opened for a proof", () => {
    const shown = { ...step("/verl launch"), done_pattern: "Launch a run" };
    expect(isProven(shown, { bot: "UBOT", messages: [], modal: form }, 100)).toBe(true);
    expect(isProven(LAUNCH, { bot: "UBOT", messages: [], modal: form }, 100)).toBe(false);
  });
});
