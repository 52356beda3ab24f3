/** Inputs for text and numbers; those with `dispatch_action` tell the app at Enter, or at every character. */

import { useEffect, useRef, type KeyboardEvent } from "react";
import type { Block } from "../../wire/types";
import { aria, nameFor, useValue, type ControlProps } from "./control";

const PAUSE_MS = 300;
const TYPES: Record<string, string> = { email_text_input: "email", url_text_input: "url" };

/** The handlers of an input: what is typed is kept, and told when the app asked for it. */
function useTyped(props: ControlProps) {
  const [kept, tell, keep] = useValue<string | null>(props);
  const timer = useRef(0);
  const told = useRef(tell);
  told.current = tell;
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const when = (props.element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"]) as string[];
  const typed = (text: string) => {
    keep(text || null);
    if (props.waits || !when.includes("on_character_entered")) return;
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => told.current(text || null), PAUSE_MS);
  };
  const press = (event: KeyboardEvent) => {
    if (props.waits || event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (when.includes("on_enter_pressed")) tell(kept);
  };
  return { value: kept ?? "", onChange: (event: { target: { value: string } }) => typed(event.target.value), onKeyDown: press };
}

export function TextInput(props: ControlProps) {
  const { element } = props;
  const shared = {
    id: props.id,
    className: "field input",
    "aria-label": props.id ? undefined : nameFor(props),
    placeholder: element.placeholder?.text,
    ...aria(props),
    ...useTyped(props),
  };
  return element.multiline ? (
    <textarea rows={4} {...shared} />
  ) : (
    <input type={TYPES[element.type] ?? "text"} autoComplete="off" {...shared} />
  );
}

export function NumberInput(props: ControlProps) {
  const { element } = props;
  return (
    <input
      type="number"
      id={props.id}
      className="field"
      aria-label={props.id ? undefined : nameFor(props)}
      placeholder={element.placeholder?.text}
      min={element.min_value}
      max={element.max_value}
      step={element.is_decimal_allowed ? "any" : 1}
      {...aria(props)}
      {...useTyped(props)}
    />
  );
}

/** Formatted text; here it is typed without formats. */
export function RichTextInput(props: ControlProps) {
  const [kept, , keep] = useValue<Block | null>(props);
  const text = ((kept?.elements ?? []) as Block[]).flatMap((part) => part.elements ?? []).map((one: Block) => one.text ?? "").join("");
  const made = (typed: string): Block | null =>
    typed ? { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text: typed }] }] } : null;
  return (
    <textarea
      rows={4}
      id={props.id}
      className="field input"
      aria-label={props.id ? undefined : nameFor(props)}
      {...aria(props)}
      value={text}
      onChange={(event) => keep(made(event.target.value))}
    />
  );
}

export function FileInput(props: ControlProps) {
  return (
    <p className="not-drawn" id={props.id}>
      Files cannot be given to the app in the playground; the form is sent without one.
    </p>
  );
}
