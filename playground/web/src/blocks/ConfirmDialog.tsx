/** The question that a control asks before it acts. */

import { useId } from "react";
import { Dialog } from "../pieces/Dialog";
import { TextOf } from "../text/Rich";
import type { Confirm } from "../wire/types";

export function ConfirmDialog({ question, answered }: { question: Confirm; answered: (yes: boolean) => void }) {
  const id = useId();
  return (
    <Dialog className="modal confirm" labelledBy={id} close={() => answered(false)}>
      <header className="modal-head">
        <h2 id={id}>
          <TextOf text={question.title ?? "Are you sure?"} />
        </h2>
      </header>
      <div className="modal-body">
        <TextOf text={question.text} />
      </div>
      <footer className="modal-foot">
        <button type="button" className="button" onClick={() => answered(false)}>
          <TextOf text={question.deny ?? "Cancel"} />
        </button>
        <button
          type="button"
          autoFocus
          className={`button button-full ${question.style === "danger" ? "button-danger" : "button-primary"}`}
          onClick={() => answered(true)}
        >
          <TextOf text={question.confirm ?? "Yes"} />
        </button>
      </footer>
    </Dialog>
  );
}
