/** Several out of many: a button that opens a list of checkboxes. The app hears of it when the list closes. */

import { useRef, useState } from "react";
import { Icon } from "../../pieces/icons";
import { usePopup } from "../../pieces/popup";
import { useActing } from "../../state/acting";
import { nameFor, useValue, type ControlProps } from "./control";
import { groupsOf, keyOf } from "./options";

export function MultiSelect(props: ControlProps) {
  const { look, me } = useActing();
  const [kept, tell, keep] = useValue<unknown[]>(props);
  const [open, setOpen] = useState(false);
  const before = useRef("");
  const chosen = new Set((kept ?? []).map(keyOf));
  const close = () => {
    setOpen(false);
    if (JSON.stringify(kept) !== before.current) tell(kept);
  };
  const box = usePopup<HTMLDivElement>(open, close);
  const groups = groupsOf(props.element, look, me.id);
  const all = groups.flatMap((group) => group.choices);
  const words = all.filter((choice) => chosen.has(choice.key)).map((choice) => choice.label);
  const most = Number(props.element.max_selected_items ?? Infinity);
  const toggle = (key: string) => {
    const fresh = chosen.has(key) ? [...chosen].filter((one) => one !== key) : [...chosen, key];
    if (fresh.length <= most) keep(all.filter((choice) => fresh.includes(choice.key)).map((choice) => choice.kept));
  };
  const toggleOpen = () => {
    if (open) return close();
    before.current = JSON.stringify(kept);
    setOpen(true);
  };
  return (
    <div className="multi" ref={box}>
      <button
        type="button"
        id={props.id}
        className="field multi-button"
        aria-expanded={open}
        aria-label={`${nameFor(props)}: ${words.join(", ") || "nothing chosen"}`}
        aria-describedby={props.describedBy}
        data-invalid={props.invalid || undefined}
        onClick={toggleOpen}
      >
        <span>{words.join(", ") || (props.element.placeholder?.text ?? "Choose …")}</span>
        <Icon name="down" size={14} />
      </button>
      {open && (
        <div className="popup" role="group" aria-label={nameFor(props)}>
          {groups.map((group) => (
            <div key={group.label}>
              {group.label && <p className="popup-title">{group.label}</p>}
              {group.choices.map((choice, at) => (
                <label key={choice.key} className="choice">
                  <input
                    type="checkbox"
                    autoFocus={at === 0}
                    checked={chosen.has(choice.key)}
                    disabled={!chosen.has(choice.key) && chosen.size >= most}
                    onChange={() => toggle(choice.key)}
                  />
                  <span>{choice.label}</span>
                </label>
              ))}
            </div>
          ))}
          {all.length === 0 && <p className="popup-title">Its choices come from the app, which the playground does not ask.</p>}
        </div>
      )}
    </div>
  );
}
