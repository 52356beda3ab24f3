/** The menu behind three dots. */

import { useState, type KeyboardEvent } from "react";
import { Icon } from "../../pieces/icons";
import { usePopup } from "../../pieces/popup";
import { TextOf } from "../../text/Rich";
import type { Block } from "../../wire/types";
import { useSurface } from "../surface";
import { nameFor, type ControlProps } from "./control";

export function Overflow(props: ControlProps) {
  const { act } = useSurface();
  const [open, setOpen] = useState(false);
  const box = usePopup<HTMLDivElement>(open, () => setOpen(false));
  const choose = (option: Block) => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
    if (option.url) window.open(String(option.url), "_blank", "noopener,noreferrer");
    act(props.block, props.element, { selected_option: option });
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  return (
    <div className="multi" ref={box}>
      <button type="button" className="button button-small" aria-label={`More: ${nameFor(props)}`} aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="more" size={16} />
      </button>
      {open && (
        <div className="popup" role="menu" aria-label={nameFor(props)} onKeyDown={press}>
          {((props.element.options ?? []) as Block[]).map((option, at) => (
            <button key={option.value ?? at} type="button" role="menuitem" autoFocus={at === 0} className="popup-item" onClick={() => choose(option)}>
              <TextOf text={option.text} />
              {option.description && (
                <small>
                  <TextOf text={option.description} />
                </small>
              )}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
