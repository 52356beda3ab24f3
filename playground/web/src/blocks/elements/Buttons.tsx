/** Buttons: plain, primary or danger, with an icon, or a pair for good and bad. */

import type { Block } from "../../wire/types";
import { TextOf } from "../../text/Rich";
import { useSurface } from "../surface";
import type { ControlProps } from "./control";

function classOf(element: Block): string {
  if (element.style === "primary") return "button button-primary";
  return element.style === "danger" ? "button button-danger" : "button";
}

export function ButtonElement({ block, element }: ControlProps) {
  const { act, busy } = useSurface();
  const waiting = busy === `${block}/${element.action_id}`;
  const press = () => {
    if (waiting) return;
    if (element.url) window.open(String(element.url), "_blank", "noopener,noreferrer");
    if (element.action_id) act(block, element);
  };
  return (
    <button
      type="button"
      className={classOf(element)}
      aria-label={element.accessibility_label}
      aria-busy={waiting}
      onClick={press}
    >
      <TextOf text={element.text} />
    </button>
  );
}

const ICONS: Record<string, string> = { trash: "🗑️", copy: "📋", edit: "✏️", share: "↗" };

export function IconButton({ block, element }: ControlProps) {
  const { act } = useSurface();
  const label = String(element.accessibility_label ?? element.text?.text ?? element.icon);
  return (
    <button type="button" className="button button-small" aria-label={label} title={label} onClick={() => act(block, element)}>
      <span className="emoji" aria-hidden="true">
        {ICONS[element.icon] ?? label}
      </span>
    </button>
  );
}

export function FeedbackButtons({ block, element }: ControlProps) {
  const { act } = useSurface();
  const pair = [element.positive_button, element.negative_button].filter(Boolean) as Block[];
  return (
    <span className="feedback" role="group" aria-label="Feedback">
      {pair.map((one, at) => (
        <button
          key={at}
          type="button"
          className="button button-small"
          aria-label={one.accessibility_label}
          onClick={() => act(block, element, { value: one.value })}
        >
          <span className="emoji" aria-hidden="true">
            {at === 0 ? "👍" : "👎"}
          </span>{" "}
          <TextOf text={one.text} />
        </button>
      ))}
    </span>
  );
}
