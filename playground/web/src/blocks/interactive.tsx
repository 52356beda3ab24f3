/** Blocks on which people act: a row of controls, a labelled input. */

import { useId } from "react";
import { TextOf } from "../text/Rich";
import { oneLine } from "../text/mrkdwn";
import type { Block } from "../wire/types";
import { isGroup } from "./elements/control";
import { ElementOf } from "./elements/ElementOf";
import { useSurface } from "./surface";

export function Actions({ block }: { block: Block }) {
  return (
    <div className="block-actions">
      {((block.elements ?? []) as Block[]).map((element, at) => (
        <ElementOf key={element.action_id ?? at} block={block.block_id ?? ""} element={element} label="" />
      ))}
    </div>
  );
}

export function ContextActions({ block }: { block: Block }) {
  return (
    <div className="block-actions context-actions">
      {((block.elements ?? []) as Block[]).map((element, at) => (
        <ElementOf key={element.action_id ?? at} block={block.block_id ?? ""} element={element} label="" />
      ))}
    </div>
  );
}

/** An input with its label, hint and error. Without `dispatch_action` it waits for the form to be sent. */
export function InputBlock({ block }: { block: Block }) {
  const id = useId();
  const { errors } = useSurface();
  const error = errors[block.block_id ?? ""];
  const element = block.element as Block;
  const label = (
    <>
      <TextOf text={block.label} />
      {block.optional && <span className="optional"> (optional)</span>}
    </>
  );
  const noted = [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const control = (
    <ElementOf
      block={block.block_id ?? ""}
      element={element}
      label={oneLine(block.label?.text ?? "")}
      id={id}
      describedBy={noted || undefined}
      invalid={Boolean(error)}
      required={!block.optional}
      waits={!block.dispatch_action}
    />
  );
  const notes = (
    <>
      {error && (
        <p className="input-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
      {block.hint && (
        <p className="input-hint" id={`${id}-hint`}>
          <TextOf text={block.hint} />
        </p>
      )}
    </>
  );
  return (
    <div className={`block-input ${error ? "invalid" : ""}`}>
      {isGroup(element) ? (
        <p className="input-label" aria-hidden="true">
          {label}
        </p>
      ) : (
        <label className="input-label" htmlFor={id}>
          {label}
        </label>
      )}
      {control}
      {notes}
    </div>
  );
}
