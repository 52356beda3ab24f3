import { describe, expect, it } from "vitest";
import { elementsOf, identified, initialOf, isEmpty, refusals, valuesOf } from "../src/blocks/values";
import type { Block } from "../src/wire/types";

const input = (element: Block, more = {}): Block => ({ type: "input", block_id: "b", element: { action_id: "a", ...element }, ...more });
const refused = (element: Block, value: unknown, more = {}) =>
  refusals([input(element, more)], { b: { a: { type: element.type, value } } })["b"];

describe("what a surface holds", () => {
  it.each([
    ["a text", { type: "plain_text_input", initial_value: "x" }, { type: "plain_text_input", value: "x" }],
    ["a select", { type: "static_select" }, { type: "static_select", selected_option: null }],
    ["several", { type: "multi_users_select", initial_users: ["U1"] }, { type: "multi_users_select", selected_users: ["U1"] }],
    ["checkboxes", { type: "checkboxes" }, { type: "checkboxes", selected_options: [] }],
    ["a moment", { type: "datetimepicker", initial_date_time: 5 }, { type: "datetimepicker", selected_date_time: 5 }],
  ])("begins with %s as the app proposed it", (_, element, value) => expect(initialOf(element)).toEqual(value));

  it("is by block and action, filled in before proposed, without buttons", () => {
    const blocks: Block[] = [
      { type: "actions", block_id: "one", elements: [{ type: "button", action_id: "go" }, { type: "users_select", action_id: "who" }, { type: "overflow", action_id: "more" }] },
      { type: "section", block_id: "two", accessory: { type: "datepicker", action_id: "day", initial_date: "2026-03-09" } },
      { type: "container", block_id: "three", child_blocks: [input({ type: "plain_text_input" })] },
    ];
    const filled = { one: { who: { type: "users_select", selected_user: "U1" } } };
    expect(valuesOf(blocks, filled)).toEqual({
      one: { who: { type: "users_select", selected_user: "U1" } },
      two: { day: { type: "datepicker", selected_date: "2026-03-09" } },
      b: { a: { type: "plain_text_input", value: null } },
    });
    expect(elementsOf(blocks[2]!).length).toBe(1);
  });
  it("has an id for each block", () => expect(identified([{ type: "divider" }, { type: "x", block_id: "own" }]).map((block) => block.block_id)).toEqual(["b0", "own"]));
  it.each([[undefined, true], [{ type: "checkboxes", selected_options: [] }, true], [{ type: "checkboxes", selected_options: [1] }, false]])("is empty: %j", (value, empty) => {
    expect(isEmpty(value)).toBe(empty);
  });
});

describe("what is refused before the app is asked", () => {
  it.each([
    ["nothing where something is needed", { type: "plain_text_input" }, null, {}, /required/],
    ["nothing where nothing is needed", { type: "plain_text_input" }, null, { optional: true }, undefined],
    ["too short", { type: "plain_text_input", min_length: 3 }, "ab", {}, /3/],
    ["too long", { type: "plain_text_input", max_length: 3 }, "abcd", {}, /3/],
    ["no number", { type: "number_input" }, "x", {}, /number/],
    ["a broken number", { type: "number_input", is_decimal_allowed: false }, "1.5", {}, /whole/],
    ["a broken number where it may be", { type: "number_input", is_decimal_allowed: true }, "1.5", {}, undefined],
    ["too few", { type: "number_input", min_value: "2" }, "1", {}, /2/],
    ["too many", { type: "number_input", max_value: "8" }, "9", {}, /8/],
    ["no mail address", { type: "email_text_input" }, "ana", {}, /mail/i],
    ["no web address", { type: "url_text_input" }, "example.org", {}, /URL/],
    ["a file, which no person can give here", { type: "file_input" }, null, {}, undefined],
  ])("%s", (_, element, value, more, why) => {
    const found = refused(element, value, more);
    if (why) expect(found).toMatch(why);
    else expect(found).toBeUndefined();
  });
});
