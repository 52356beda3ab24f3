/** Where one types: Enter sends, Shift+Enter breaks the line, `/`, `@` and `#` offer what there is. */

import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { Icon } from "../pieces/icons";
import { useActing } from "../state/acting";
import { markTyped } from "../state/done";
import { useDraft } from "../state/draft";
import { completion, taken, usage, type Completion, type Offer } from "../text/complete";
import * as client from "../wire/client";
import { Offers } from "./Offers";

const KEYS = "Enter sends · Shift+Enter breaks the line";

interface Place {
  channel: string;
  thread?: string | null;
  label: string;
  /** Why the person cannot write here; empty where that is possible. */
  closed?: string;
  onSent?: () => void;
}

export function Composer({ channel, thread = null, label, closed = "", onSent }: Place) {
  const { look, me } = useActing();
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useDraft(`${me.id}/${channel}/${thread ?? ""}`, box);
  const [error, setError] = useState("");
  const [sending, setSending] = useState(0);
  const offers = useOffers(draft, setDraft, box, thread !== null);

  const send = async () => {
    const text = draft.trim();
    if (!text) return;
    setDraft("");
    setError("");
    setSending((count) => count + 1);
    const answer = await client.type(me.id, channel, text, thread);
    setSending((count) => count - 1);
    if (!answer.error) markTyped(text, look.guide);
    if (answer.error) {
      setError(answer.error);
      if (!box.current?.value) setDraft(text); // what was typed meanwhile counts for more
    } else onSent?.();
  };

  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || offers.press(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void send();
    }
  };

  const hint = thread ? null : usage(draft, look.commands);
  if (closed) return <div className="composer-closed">{closed}</div>;
  return (
    <div className="composer">
      {error && (
        <div className="composer-error" role="alert">
          <Icon name="alert" /> <span>{error}</span>
          <button type="button" className="quiet" aria-label="Dismiss the error" onClick={() => setError("")}>
            <Icon name="close" size={14} />
          </button>
        </div>
      )}
      {offers.shown && <Offers id={`${id}-offers`} shown={offers.shown} at={offers.at} take={offers.take} />}
      <div className="composer-box">
        <textarea
          ref={box}
          id={id}
          className="composer-text"
          rows={1}
          aria-label={label}
          placeholder={label}
          aria-autocomplete="list"
          aria-controls={offers.shown ? `${id}-offers` : undefined}
          aria-activedescendant={offers.shown ? `${id}-offers-${offers.at}` : undefined}
          aria-describedby={`${id}-hint`}
          value={draft}
          onChange={(event) => (setDraft(event.target.value), offers.moved(event.target.selectionStart))}
          onSelect={(event) => offers.moved(event.currentTarget.selectionStart)}
          onKeyDown={press}
          onBlur={() => offers.close()}
        />
        <button type="button" className="send" aria-label="Send" disabled={!draft.trim()} onClick={() => void send()}>
          <Icon name="send" />
        </button>
      </div>
      <div className="composer-hint" id={`${id}-hint`} aria-live="polite">
        {sending > 0 ? "Sending …" : hint ? `${hint.command} ${hint.usage_hint}` : KEYS + (thread ? "" : " · / for commands")}
      </div>
    </div>
  );
}

/** The offers at the caret, and the keys that choose among them. */
function useOffers(
  draft: string,
  setDraft: (text: string) => void,
  box: React.RefObject<HTMLTextAreaElement | null>,
  inThread: boolean,
) {
  const { look } = useActing();
  const [caret, setCaret] = useState(0);
  const [at, setAt] = useState(0);
  const [closedFor, setClosedFor] = useState<string | null>("");
  const known = { commands: look.commands, users: look.users, channels: look.channels, inThread };
  const found: Completion | null = closedFor === draft ? null : completion(draft, Math.min(caret, draft.length), known);
  useEffect(() => setAt(0), [draft]);

  const take = (offer: Offer) => {
    if (!found) return;
    const { text, caret: next } = taken(draft, found, offer);
    setDraft(text);
    setClosedFor(text);
    requestAnimationFrame(() => {
      box.current?.focus();
      box.current?.setSelectionRange(next, next);
      setCaret(next);
    });
  };

  const press = (event: KeyboardEvent): boolean => {
    const offer = found?.offers[at];
    if (!found || !offer) return false;
    const count = found.offers.length;
    // A command that is typed to its end is sent by Enter, as in Slack.
    const whole = found.kind === "command" && event.key === "Enter" && draft.trim() === offer.key;
    if (event.key === "ArrowDown") setAt((at + 1) % count);
    else if (event.key === "ArrowUp") setAt((at + count - 1) % count);
    else if ((event.key === "Enter" && !event.shiftKey && !whole) || (event.key === "Tab" && !event.shiftKey)) take(offer);
    else if (event.key === "Escape") setClosedFor(draft);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { shown: found, at: Math.min(at, (found?.offers.length ?? 1) - 1), take, press, moved: setCaret, close: () => setClosedFor(draft) };
}
