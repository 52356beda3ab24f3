/** What people filled in, as Slack keeps it: by block and action, a type and a value. Pure. */

import type { Block, InputValue, Json, Values } from "../wire/types";

/** For each element with a value: under which name Slack keeps it, and from which field it begins. */
const KEPT: Record<string, [name: string, initial: string]> = {
  static_select: ["selected_option", "initial_option"],
  external_select: ["selected_option", "initial_option"],
  radio_buttons: ["selected_option", "initial_option"],
  overflow: ["selected_option", ""],
  multi_static_select: ["selected_options", "initial_options"],
  multi_external_select: ["selected_options", "initial_options"],
  checkboxes: ["selected_options", "initial_options"],
  users_select: ["selected_user", "initial_user"],
  multi_users_select: ["selected_users", "initial_users"],
  channels_select: ["selected_channel", "initial_channel"],
  multi_channels_select: ["selected_channels", "initial_channels"],
  conversations_select: ["selected_conversation", "initial_conversation"],
  multi_conversations_select: ["selected_conversations", "initial_conversations"],
  datepicker: ["selected_date", "initial_date"],
  timepicker: ["selected_time", "initial_time"],
  datetimepicker: ["selected_date_time", "initial_date_time"],
  plain_text_input: ["value", "initial_value"],
  number_input: ["value", "initial_value"],
  email_text_input: ["value", "initial_value"],
  url_text_input: ["value", "initial_value"],
  rich_text_input: ["rich_text_value", "initial_value"],
  file_input: ["files", ""],
};

/** The name under which an element's value is kept; empty for one that has none, such as a button. */
export function keptAs(type: string): string {
  return KEPT[type]?.[0] ?? "";
}

function isMany(name: string): boolean {
  return name.endsWith("s");
}

export function initialOf(element: Block): InputValue {
  const [name, initial] = KEPT[element.type] ?? ["value", ""];
  return { type: element.type, [name]: element[initial] ?? (isMany(name) ? [] : null) };
}

export function chosenOf(value: InputValue): Json {
  const { type: _, ...chosen } = value;
  return chosen;
}

/** The elements of a block on which people act. */
export function elementsOf(block: Block): Block[] {
  const found = [...(block.elements ?? []), block.accessory, block.element].filter((one) => one?.action_id);
  return [...found, ...(block.child_blocks ?? []).flatMap(elementsOf)];
}

function all(blocks: Block[]): Block[] {
  return blocks.flatMap((block) => [block, ...all(block.child_blocks ?? [])]);
}

/** The values of a surface: what was filled in, else what the app proposed. */
export function valuesOf(blocks: Block[], filled: Values): Values {
  const found: Values = {};
  for (const block of all(blocks)) {
    for (const element of elementsOf({ ...block, child_blocks: [] })) {
      if (!KEPT[element.type] || element.type === "overflow") continue;
      const id = block.block_id ?? "";
      found[id] = { ...found[id], [element.action_id]: filled[id]?.[element.action_id] ?? initialOf(element) };
    }
  }
  return found;
}

export function isEmpty(value: InputValue | undefined): boolean {
  if (!value) return true;
  const kept = value[keptAs(value.type)];
  return kept === null || kept === undefined || kept === "" || (Array.isArray(kept) && kept.length === 0);
}

/** What Slack refuses before it asks the app, by block. */
export function refusals(blocks: Block[], values: Values): Record<string, string> {
  const found: Record<string, string> = {};
  for (const block of all(blocks)) {
    if (block.type !== "input" || !block.element) continue;
    const id = block.block_id ?? "";
    const why = refusal(block, values[id]?.[block.element.action_id]);
    if (why) found[id] = why;
  }
  return found;
}

function refusal(block: Block, value: InputValue | undefined): string {
  if (isEmpty(value)) return block.optional || block.element.type === "file_input" ? "" : "Please complete this required field.";
  const { min_length, max_length, min_value, max_value, is_decimal_allowed, type } = block.element;
  const text = String(value?.value ?? "");
  if (min_length && text.length < min_length) return `Must have at least ${min_length} characters.`;
  if (max_length && text.length > max_length) return `Must have ${max_length} characters or fewer.`;
  if (type === "email_text_input" && !/^\S+@\S+\.\S+$/.test(text)) return "Not a valid e-mail address.";
  if (type === "url_text_input" && !/^https?:\/\/\S+$/.test(text)) return "Not a valid URL.";
  if (type !== "number_input") return "";
  const number = Number(text);
  if (Number.isNaN(number)) return "Must be a number.";
  if (!is_decimal_allowed && !Number.isInteger(number)) return "Must be a whole number.";
  if (min_value !== undefined && number < Number(min_value)) return `Must be ${min_value} or more.`;
  if (max_value !== undefined && number > Number(max_value)) return `Must be ${max_value} or less.`;
  return "";
}

/** The blocks with an id each, as Slack gives them. */
export function identified(blocks: Block[]): Block[] {
  return blocks.map((block, at) => (block.block_id ? block : { ...block, block_id: `b${at}` }));
}
