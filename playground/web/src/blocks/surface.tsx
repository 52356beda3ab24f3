/** A surface with blocks — a message, a modal, a Home — and what people do on it. */

import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { useActing } from "../state/acting";
import * as client from "../wire/client";
import type { Block, Confirm, InputValue, Json, Values, Where } from "../wire/types";
import { ConfirmDialog } from "./ConfirmDialog";
import { valuesOf } from "./values";

export interface Surface {
  values: Values;
  /** Why the app, or Slack before it, refused what was filled in; by block. */
  errors: Record<string, string>;
  /** The action that is on its way, as `block/action`. */
  busy: string;
  set: (block: string, action: string, value: InputValue) => void;
  act: (block: string, element: Block, chosen?: Json, value?: InputValue) => void;
}

const SurfaceContext = createContext<Surface | null>(null);

export function useSurface(): Surface {
  const found = useContext(SurfaceContext);
  if (!found) throw new Error("A control is on no surface.");
  return found;
}

interface SurfaceProps {
  where: Where;
  blocks: Block[];
  filled: Values;
  setFilled: (change: (before: Values) => Values) => void;
  errors?: Record<string, string>;
  children: ReactNode;
}

interface Asked {
  question: Confirm;
  again: () => void;
}

const NO_ERRORS = {};

function put(values: Values, block: string, action: string, value: InputValue): Values {
  return { ...values, [block]: { ...values[block], [action]: value } };
}

export function SurfaceOf({ where, blocks, filled, setFilled, errors = NO_ERRORS, children }: SurfaceProps) {
  const { me } = useActing();
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const [asked, setAsked] = useState<Asked | null>(null);
  const values = useMemo(() => valuesOf(blocks, filled), [blocks, filled]);

  const set = useCallback(
    (block: string, action: string, value: InputValue) => setFilled((before) => put(before, block, action, value)),
    [setFilled],
  );
  const act = useCallback(
    async (block: string, element: Block, chosen?: Json, value?: InputValue, confirmed = false) => {
      const action = String(element.action_id ?? "");
      const state = value ? put(values, block, action, value) : values;
      setBusy(`${block}/${action}`);
      setError("");
      const answer = await client.act({
        user: me.id,
        where,
        block_id: block,
        action_id: action,
        state,
        ...(chosen ? { chosen } : {}),
        ...(confirmed ? { confirmed } : {}),
      });
      setBusy("");
      if (answer.confirm) setAsked({ question: answer.confirm, again: () => void act(block, element, chosen, value, true) });
      if (answer.error) setError(answer.error);
    },
    [me.id, where, values],
  );
  const surface = useMemo(
    () => ({ values, errors, busy, set, act: (...all: Parameters<Surface["act"]>) => void act(...all) }),
    [values, errors, busy, set, act],
  );
  const answered = (yes: boolean) => {
    setAsked(null);
    if (yes) asked?.again();
  };
  return (
    <SurfaceContext value={surface}>
      {children}
      {error && (
        <p className="surface-error" role="alert">
          {error}
        </p>
      )}
      {asked && <ConfirmDialog question={asked.question} answered={answered} />}
    </SurfaceContext>
  );
}
