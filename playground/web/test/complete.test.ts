import { describe, expect, it } from "vitest";
import { completion, ranked, taken, usage } from "../src/text/complete";
import { sampleLook } from "../mock/sample";

const look = sampleLook("U0ANA");
const known = { commands: look.commands, users: look.users, channels: look.channels, inThread: false };
const titles = (text: string, more = {}) => completion(text, text.length, { ...known, ...more })?.offers.map((offer) => offer.title);

describe("what is offered", () => {
  it.each([
    ["a slash alone", "/", ["/verl launch RECIPE | status | logs RUN | stop RUN", "/verl-admin"]],
    ["the beginning of a command", "/verl-", ["/verl-admin"]],
    ["people", "hello @", ["ana", "ben", "lea", "verlbot"]],
    ["a person by his last name", "@oka", ["ben"]],
    ["a channel, but no archived one and no direct message", "see #ra", ["random", "training"]],
    ["nothing after a command", "/verl ", undefined],
    ["nothing for a slash within a line", "a /", undefined],
    ["nothing within an address", "ana@b", undefined],
    ["nothing for a name that no person has", "@zzz", undefined],
  ])("%s", (_, typed, found) => expect(titles(typed)).toEqual(found));

  it("is no command in a thread, as in Slack", () => expect(titles("/", { inThread: true })).toBeUndefined());
  it("looks at what stands before the caret", () => expect(completion("@be later", 3, known)?.offers[0]?.insert).toBe("@ben "));
});

it("puts the offer where it was typed, and the caret behind it", () => {
  const found = completion("ask @be now", 7, known)!;
  expect(taken("ask @be now", found, found.offers[0]!)).toEqual({ text: "ask @ben now", caret: 9 });
});

it("shows the usage of the command that is being typed", () => {
  expect(usage("/verl la", look.commands)?.command).toBe("/verl");
  expect(usage("/verl", look.commands)).toBeNull();
});

it("puts those first that begin with what was typed", () => {
  expect(ranked(["xab", "abc", "b"], "ab", (one) => [one])).toEqual(["abc", "xab"]);
});
