import { describe, expect, it } from "vitest";
import { continues, inChannel, inThread, newest, repliesOf, unread } from "../src/state/talk";
import { kept } from "../src/state/kept";
import { hashOf, parsed } from "../src/state/route";
import { merged, pendingFrom, took } from "../src/state/recorded";
import { neighbour } from "../src/shell/keys";
import { emojiOf, tableOf } from "../src/text/emoji";
import type { Entry, Message } from "../src/wire/types";

const said = (ts: string, more: Partial<Message> = {}): Message => ({
  ts, channel: "C1", user: "U0BEN", text: "", blocks: [], thread_ts: null, metadata: null, only_for: null,
  broadcast: false, edited: false, files: [], reactions: {}, ...more,
});
const TALK = [
  said("1.0"),
  said("2.0", { thread_ts: "1.0" }),
  said("3.0", { thread_ts: "1.0", broadcast: true, user: "U0LEA" }),
  said("4.0", { user: "U0ANA" }),
  said("5.0", { channel: "C2" }),
  said("6.0", { thread_ts: "1.0", only_for: "U0ANA" }),
];
const stamps = (messages: Message[]) => messages.map((message) => message.ts);

describe("what stands where", () => {
  it("shows in a channel no replies but those sent to it too", () => expect(stamps(inChannel(TALK, "C1"))).toEqual(["1.0", "3.0", "4.0"]));
  it("shows a thread from its first message", () => expect(stamps(inThread(TALK, "C1", "1.0"))).toEqual(["1.0", "2.0", "3.0", "6.0"]));
  it("counts replies that all can see", () => expect(repliesOf(TALK, "C1").get("1.0")).toEqual({ count: 2, people: ["U0BEN", "U0LEA"], last: "3.0" }));
  it("joins what one person says in a row", () => {
    expect(continues(said("1.0"), said("2.0"))).toBe(true);
    expect(continues(said("1.0"), said("2.0", { user: "U0LEA" }))).toBe(false);
    expect(continues(said("1.0"), said("900.0"))).toBe(false);
    expect(continues(said("1.0"), said("2.0", { only_for: "U0ANA" }))).toBe(false);
    expect(continues(said("1.0", { only_for: "U0ANA" }), said("2.0", { only_for: "U0ANA" }))).toBe(false);
  });
});

describe("unread", () => {
  it.each([
    ["nothing read yet", {}, { C1: 2, C2: 1 }],
    ["read up to the first", { C1: "1.0" }, { C1: 1, C2: 1 }],
    ["all read", { C1: "4.0", C2: "5.0" }, {}],
  ])("%s", (_, read, counts) => expect(unread(TALK, "U0ANA", read)).toEqual(counts));
  it("compares times as numbers, not as texts", () => expect(unread([said("10.0")], "U0ANA", { C1: "9.0" })).toEqual({ C1: 1 }));
  it("knows the newest that the channel shows", () => expect(newest(TALK, "C1")).toBe("4.0"));
});

describe("what stays the same object", () => {
  it("is a part that did not change", () => {
    const old = { list: [{ a: 1 }, { a: 2 }], other: { b: 1 } };
    const fresh = kept(old, { list: [{ a: 1 }, { a: 3 }], other: { b: 1 } });
    expect(fresh.list[0]).toBe(old.list[0]);
    expect(fresh.other).toBe(old.other);
    expect(fresh.list[1]).toEqual({ a: 3 });
  });
  it("is the whole, if nothing did", () => {
    const old = { list: [1, { a: null }] };
    expect(kept(old, structuredClone(old))).toBe(old);
  });
  it.each([["a shorter list", [1, 2], [1]], ["a field less", { a: 1, b: 2 }, { a: 1 }], ["a list for a record", {}, []]])("is not %s", (_, old, fresh) => {
    expect(kept(old as unknown, fresh)).toEqual(fresh);
  });
});

it.each([["#/C0TRAIN", "C0TRAIN", ""], ["#/C0TRAIN/1700000000.000100", "C0TRAIN", "1700000000.000100"], ["", "", ""], ["#/app/home", "app", "home"]])("reads the address %s", (hash, place, detail) => {
  expect(parsed(hash)).toEqual({ place, detail });
  if (place) expect(hashOf(place, detail)).toBe(hash);
});

describe("the recorder", () => {
  const entry = (number: number, seconds: number | null): Entry => ({ number, kind: "call", name: "x", at: 0, seconds, outcome: seconds === null ? "" : "ok", detail: null });
  it("asks again for what has no answer yet", () => {
    expect(pendingFrom([entry(1, 0), entry(2, null), entry(3, 0)])).toBe(1);
    expect(pendingFrom([entry(1, 0)])).toBe(1);
    expect(pendingFrom([])).toBe(0);
  });
  it("takes the answer for what was waiting", () => {
    const before = [entry(1, 0), entry(2, null)];
    expect(merged(before, { entries: [entry(2, 0.5), entry(3, null)], last: 3 })).toEqual([entry(1, 0), entry(2, 0.5), entry(3, null)]);
    expect(merged(before, { entries: [], last: 2 })).toBe(before);
  });
  it("begins again with a new server", () => expect(merged([entry(9, 0)], { entries: [entry(1, 0)], last: 1 })).toEqual([entry(1, 0)]));
  it.each([[null, "…"], [0.0001, "< 1 ms"], [0.0121, "12 ms"], [3.42, "3.4 s"]])("writes %s seconds", (seconds, shown) => expect(took(entry(1, seconds))).toBe(shown));
});

it("goes around the ends of the list of places", () => {
  const places = ["a", "b", "c"].map((id) => ({ id, kind: "channel" as const, title: id, channel: id, archived: false }));
  expect([neighbour(places, "a", -1), neighbour(places, "c", 1), neighbour(places, "a", 1)]).toEqual(["c", "a", "b"]);
});

it("knows emoji by the names of Slack, with their skins", () => {
  const table = tableOf({ "1F44D": ["+1", "thumbsup"], "1F3FD": "skin-tone-4", "31-FE0F-20E3": "one" });
  expect(emojiOf(table, "thumbsup")).toBe("👍\u{fe0f}");
  expect(emojiOf(table, "+1::skin-tone-4")).toBe("👍🏽");
  expect(emojiOf(table, "one")).toBe("1️⃣");
  expect(emojiOf(table, "nothing")).toBeUndefined();
});
