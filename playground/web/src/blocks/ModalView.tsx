/** The view in front of the person: what is filled in is kept by view, so that a view below another finds it again. */

import { useEffect, useId, useMemo, useRef, useState, type FormEvent } from "react";
import { Dialog } from "../pieces/Dialog";
import { Icon } from "../pieces/icons";
import { useActing } from "../state/acting";
import { TextOf } from "../text/Rich";
import * as client from "../wire/client";
import type { Values, View } from "../wire/types";
import { BlockList } from "./BlockOf";
import { SurfaceOf } from "./surface";
import { identified, refusals, valuesOf } from "./values";

const filledIn = new Map<string, Values>();

function useFilled(view: string): [Values, (change: (before: Values) => Values) => void] {
  const [filled, setFilled] = useState<Values>(() => filledIn.get(view) ?? {});
  const change = useMemo(
    () => (make: (before: Values) => Values) =>
      setFilled((before) => {
        const fresh = make(before);
        filledIn.set(view, fresh);
        return fresh;
      }),
    [view],
  );
  return [filled, change];
}

const CONTROLS = "input:not([type=hidden]), select, textarea, .modal-body button, .modal-foot button";

export default function ModalView({ view }: { view: View }) {
  const { me } = useActing();
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const [filled, setFilled] = useFilled(view.id);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const { body } = view;
  const blocks = useMemo(() => identified(body.blocks ?? []), [body.blocks]);
  const where = useMemo(() => ({ view: view.id }), [view.id]);

  useEffect(() => form.current?.querySelector<HTMLElement>(CONTROLS)?.focus(), []);
  useEffect(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus(), [errors]);

  const close = async () => {
    const answer = await client.close(me.id);
    setError(answer.error ?? "");
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !body.submit) return;
    const values = valuesOf(blocks, filled);
    const refused = refusals(blocks, values);
    setErrors(refused);
    setError("");
    if (Object.keys(refused).length) return;
    setBusy(true);
    const answer = await client.submit(me.id, values);
    setBusy(false);
    setErrors(answer.errors ?? {});
    setError(answer.error ?? "");
  };

  return (
    <Dialog className="modal" labelledBy={id} close={() => void close()}>
      <form ref={form} className="modal-form" noValidate onSubmit={(event) => void submit(event)}>
        <header className="modal-head">
          <h2 id={id}>
            <TextOf text={body.title ?? "Untitled"} />
          </h2>
          <button type="button" className="tool" aria-label="Close" onClick={() => void close()}>
            <Icon name="close" />
          </button>
        </header>
        <div className="modal-body">
          <SurfaceOf where={where} blocks={blocks} filled={filled} setFilled={setFilled} errors={errors}>
            <BlockList blocks={blocks} />
          </SurfaceOf>
        </div>
        <footer className="modal-foot">
          {error && (
            <p className="surface-error" role="alert">
              {error}
            </p>
          )}
          <button type="button" className="button" onClick={() => void close()}>
            <TextOf text={body.close ?? (body.submit ? "Cancel" : "Close")} />
          </button>
          {body.submit && (
            <button type="submit" className="button button-primary" aria-busy={busy}>
              <TextOf text={body.submit} />
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}
