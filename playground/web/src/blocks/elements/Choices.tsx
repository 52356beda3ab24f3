/** Radio buttons and checkboxes, each group with a name. */

import { useId } from "react";
import { TextOf } from "../../text/Rich";
import type { Block } from "../../wire/types";
import { aria, nameFor, useValue, type ControlProps } from "./control";
import { keyOf } from "./options";

function Label({ option }: { option: Block }) {
  return (
    <span>
      <TextOf text={option.text} />
      {option.description && (
        <small>
          <TextOf text={option.description} />
        </small>
      )}
    </span>
  );
}

export function Radios(props: ControlProps) {
  const [kept, tell] = useValue<Block | null>(props);
  const group = useId();
  return (
    <fieldset className="choices" role="radiogroup" aria-describedby={props.describedBy} aria-invalid={props.invalid || undefined} aria-required={props.required || undefined}>
      <legend className="hidden">{nameFor(props)}</legend>
      {((props.element.options ?? []) as Block[]).map((option, at) => (
        <label key={option.value} className="choice">
          <input
            type="radio"
            id={at === 0 ? props.id : undefined}
            name={group}
            checked={keyOf(kept) === String(option.value)}
            onChange={() => tell(option)}
          />
          <Label option={option} />
        </label>
      ))}
    </fieldset>
  );
}

export function Checkboxes(props: ControlProps) {
  const [kept, tell] = useValue<Block[]>(props);
  const chosen = (kept ?? []).map(keyOf);
  const options = (props.element.options ?? []) as Block[];
  const toggle = (option: Block) => {
    const key = String(option.value);
    const fresh = chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key];
    tell(options.filter((one) => fresh.includes(String(one.value))));
  };
  return (
    <fieldset className="choices" aria-describedby={props.describedBy}>
      <legend className="hidden">{nameFor(props)}</legend>
      {options.map((option, at) => (
        <label key={option.value} className="choice">
          <input
            type="checkbox"
            id={at === 0 ? props.id : undefined}
            {...(at === 0 ? aria(props) : {})}
            checked={chosen.includes(String(option.value))}
            onChange={() => toggle(option)}
          />
          <Label option={option} />
        </label>
      ))}
    </fieldset>
  );
}
