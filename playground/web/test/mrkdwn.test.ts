import { describe, expect, it } from "vitest";
import { inline } from "../src/text/inline";
import { slackDate } from "../src/text/date";
import { mrkdwn, oneLine, plain } from "../src/text/mrkdwn";

const text = (words: string) => ({ kind: "text", text: words });

describe("within a line", () => {
  it.each([
    ["bold", "*a b*", [{ kind: "bold", children: [text("a b")] }]],
    ["italic", "_a_", [{ kind: "italic", children: [text("a")] }]],
    ["strike", "~a~", [{ kind: "strike", children: [text("a")] }]],
    ["nested", "*a _b_*", [{ kind: "bold", children: [text("a "), { kind: "italic", children: [text("b")] }] }]],
    ["code, in which nothing counts", "`*a* &lt;b&gt;`", [{ kind: "code", text: "*a* <b>" }]],
    ["marks within words", "snake_case_name 2*3*4", [text("snake_case_name 2*3*4")]],
    ["a mark alone", "5 * 3 = *", [text("5 * 3 = *")]],
    ["marks with blanks inside", "* a *", [text("* a *")]],
    ["a mark inside code ends nothing", "*a `b*` c*", [{ kind: "bold", children: [text("a "), { kind: "code", text: "b*" }, text(" c")] }]],
    ["bold does not reach over a line's end", "*a\nb*", [text("*a"), { kind: "break" }, text("b*")]],
    ["escapes", "1 &lt; 2 &amp;amp; &gt;", [text("1 < 2 &amp; >")]],
    ["a bare less-than", "a < b > c", [text("a < b > c")]],
  ])("%s", (_, typed, found) => expect(inline(typed)).toEqual(found));

  it.each([
    ["a person", "<@U0ANA>", { kind: "user", id: "U0ANA", label: "" }],
    ["a channel", "<#C1|training>", { kind: "channel", id: "C1", label: "training" }],
    ["everybody", "<!channel>", { kind: "broadcast", name: "channel" }],
    ["a group", "<!subteam^S1|@ops>", { kind: "group", id: "S1", label: "@ops" }],
    ["a link with words", "<https://x.org/?a=1&amp;b=2|the &lt;x&gt;>", { kind: "link", url: "https://x.org/?a=1&b=2", label: "the <x>" }],
    ["an address", "<mailto:a@b.org>", { kind: "link", url: "mailto:a@b.org", label: "a@b.org" }],
    ["a date", "<!date^1392734382^{date} at {time}^https://x.org|then>", { kind: "date", unix: 1392734382, format: "{date} at {time}", url: "https://x.org", fallback: "then" }],
    ["a date that is none", "<!date^soon^{date}|then>", { kind: "text", text: "then" }],
    ["an emoji with a skin", ":wave::skin-tone-3:", { kind: "emoji", name: "wave::skin-tone-3", typed: ":wave::skin-tone-3:" }],
    ["a bare address", "https://x.org/a_b_c", { kind: "link", url: "https://x.org/a_b_c", label: "https://x.org/a_b_c" }],
  ])("%s", (_, typed, found) => expect(inline(typed)).toEqual([found]));

  it("takes the stop at the end of a sentence for no part of an address", () => {
    expect(inline("see https://x.org/a.")).toEqual([text("see "), { kind: "link", url: "https://x.org/a", label: "https://x.org/a" }, text(".")]);
  });
  it("takes times of day for no emoji", () => expect(inline("10:30:15 and 1:2:3")).toEqual([text("10:30:15 and 1:2:3")]));
  it("links to nothing but the web, mail and telephone", () => expect(inline("<javascript:alert(1)|x>")).toEqual([text("<javascript:alert(1)|x>")]));
});

describe("lines", () => {
  it.each([
    ["a code block keeps its blanks and marks", "a\n```\n*x*\n  y\n```\nb", ["paragraph", "pre", "paragraph"]],
    ["a quote", "&gt; a\n&gt; b\nc", ["quote", "paragraph"]],
    ["a quote that people typed", "> a\nb", ["quote", "paragraph"]],
    ["a quote of all that follows", "&gt;&gt;&gt; a\nb\n\nc", ["quote"]],
    ["lists of two kinds", "• a\n• b\n1. c\n2. d", ["list", "list"]],
    ["a bold line is no list", "*a* b", ["paragraph"]],
    ["an empty text", "", []],
  ])("%s", (_, typed, kinds) => expect(mrkdwn(typed).map((part) => part.kind)).toEqual(kinds));

  it("shows what a code block holds as it is", () => {
    expect(mrkdwn("```\n*x* &lt;\n  <https://x.org|y>\n```")).toEqual([{ kind: "pre", text: "*x* <\n  y" }]);
  });
  it("counts a list from where it begins, and knows its depth", () => {
    const [list] = mrkdwn("3. a\n  4. b");
    expect(list).toMatchObject({ ordered: true, start: 3, items: [{ depth: 0 }, { depth: 1 }] });
  });
});

describe("plain text", () => {
  it("knows emoji and nothing else", () => {
    expect(plain("*a* <@U1> :tada:")).toEqual([text("*a* <@U1> "), { kind: "emoji", name: "tada", typed: ":tada:" }]);
  });
  it("is one line for those who read it out", () => {
    expect(oneLine("*a* <@U1>\n```b```", () => "Ana")).toBe("a @Ana b");
  });

  it("has dates as the reader's clock shows them, or else their fallback", () => {
    const eta = "ETA <!date^1767391320^{time}|22:02 UTC>";
    const clock = { now: 1767391320, zone: "Asia/Shanghai", hour12: false };
    expect(oneLine(eta, undefined, (at, format) => slackDate(at, format, clock))).toBe("ETA 06:02");
    expect(oneLine(eta)).toBe("ETA 22:02 UTC");
  });
});
