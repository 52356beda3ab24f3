/** What all controls share: their name, their value on the surface, and whether the app hears of a change at once. */

import type { Block, InputValue } from "../../wire/types";
import { useSurface } from "../surface";
import { chosenOf, initialOf, keptAs } from "../values";

export interface ControlProps {
  block: string;
  element: Block;
  /** What it is for, where its block says so. */
  label: string;
  id?: string | undefined;
  describedBy?: string | undefined;
  invalid?: boolean | undefined;
  required?: boolean | undefined;
  /** Of an input whose form is sent as a whole: a change alone tells the app nothing. */
  waits?: boolean | undefined;
}

/** Whether it is a group of controls, which a label cannot point at. */
export function isGroup(element: Block): boolean {
  return ["checkboxes", "radio_buttons"].includes(element.type) || element.type.startsWith("multi_");
}

const WORDS: Record<string, string> = {
  static_select: "Choose one",
  external_select: "Choose one",
  users_select: "Choose a person",
  channels_select: "Choose a channel",
  conversations_select: "Choose a conversation",
  datepicker: "Date",
  timepicker: "Time",
  datetimepicker: "Date and time",
  overflow: "actions",
  number_input: "Number",
};

/** The name that is read out for it. */
export function nameFor({ element, label }: ControlProps): string {
  const own = element.accessibility_label || label || element.placeholder?.text;
  return own || WORDS[element.type] || element.action_id || element.type;
}

/** What assistive technology is to know of it, beside its name. */
export function aria(props: ControlProps) {
  return {
    "aria-describedby": props.describedBy,
    "aria-invalid": props.invalid || undefined,
    "aria-required": (props.required && !isGroup(props.element)) || undefined,
  };
}

/** The value of a control and how to change it. */
export function useValue<T>({ block, element, waits }: ControlProps): [T, (kept: T) => void, (kept: T) => void] {
  const { values, set, act } = useSurface();
  const name = keptAs(element.type);
  const action = String(element.action_id ?? "");
  const value = values[block]?.[action] ?? initialOf(element);
  const made = (kept: T): InputValue => ({ type: element.type, [name]: kept });
  const keep = (kept: T) => set(block, action, made(kept));
  const tell = (kept: T) => {
    keep(kept);
    if (!waits) act(block, element, chosenOf(made(kept)), made(kept));
  };
  return [value[name] as T, tell, keep];
}
