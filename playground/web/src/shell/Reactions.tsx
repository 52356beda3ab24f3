/** Reactions under a message, and the tools that appear beside it: react, reply. */

import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Icon } from "../pieces/icons";
import { nameOf, useActing } from "../state/acting";
import { tell } from "../state/notes";
import { emojiOf, useEmoji } from "../text/emoji";
import { Emoji } from "../text/Rich";
import * as client from "../wire/client";
import type { Message } from "../wire/types";

const QUICK = ["eyes", "white_check_mark", "+1", "tada", "heart", "rocket", "thinking_face", "x"];

async function react(user: string, message: Message, name: string): Promise<void> {
  const answer = await client.react(user, message.channel, message.ts, name);
  if (answer.error) tell(answer.error);
}

export function Reactions({ message }: { message: Message }) {
  const { look, me } = useActing();
  const found = Object.entries(message.reactions).filter(([, people]) => people.length > 0);
  if (!found.length) return null;
  return (
    <ul className="reactions" aria-label="Reactions">
      {found.map(([name, people]) => {
        const mine = people.includes(me.id);
        const names = people.map((id) => nameOf(look, id)).join(", ");
        return (
          <li key={name}>
            <button
              type="button"
              className="reaction"
              aria-pressed={mine}
              aria-label={`${name}: ${people.length}, by ${names}`}
              title={`${names} reacted with :${name}:`}
              onClick={() => void react(me.id, message, name)}
            >
              <Emoji name={name} typed={`:${name}:`} /> {people.length}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export function MessageTools({ message, inThread }: { message: Message; inThread: boolean }) {
  const { go } = useActing();
  const [picking, setPicking] = useState(false);
  return (
    <div className={`message-tools ${picking ? "shown" : ""}`}>
      <button type="button" className="tool" aria-label="React" aria-expanded={picking} onClick={() => setPicking(!picking)}>
        <Icon name="smile" />
      </button>
      {!inThread && (
        <button type="button" className="tool" aria-label="Reply in thread" onClick={() => go(message.channel, message.thread_ts ?? message.ts)}>
          <Icon name="thread" />
        </button>
      )}
      {picking && <Picker message={message} close={() => setPicking(false)} />}
    </div>
  );
}

function Picker({ message, close }: { message: Message; close: () => void }) {
  const { me } = useActing();
  const names = useEmoji();
  const [typed, setTyped] = useState("");
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const outside = (event: MouseEvent) => {
      if (!box.current?.parentElement?.contains(event.target as Node)) close();
    };
    document.addEventListener("mousedown", outside);
    return () => document.removeEventListener("mousedown", outside);
  }, [close]);
  const found = typed ? matching(names, typed) : QUICK;
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
    box.current?.parentElement?.querySelector("button")?.focus();
  };
  return (
    <div className="picker" ref={box} role="group" aria-label="Choose a reaction" onKeyDown={press}>
      <input className="field" autoFocus type="text" aria-label="Find an emoji" placeholder="Find an emoji" value={typed} onChange={(event) => setTyped(event.target.value)} />
      <div className="picker-found">
        {found.map((name) => (
          <button key={name} type="button" title={`:${name}:`} aria-label={name} onClick={() => (close(), void react(me.id, message, name))}>
            {emojiOf(names, name) ?? name}
          </button>
        ))}
        {found.length === 0 && <p>No emoji found.</p>}
      </div>
    </div>
  );
}

const MOST_FOUND = 24;

function matching(names: Map<string, string> | null, typed: string): string[] {
  const wanted = typed.toLowerCase().replaceAll(":", "").replaceAll(" ", "_");
  const all = [...(names?.keys() ?? [])].filter((name) => name.includes(wanted) && !name.startsWith("skin-tone"));
  const rank = (name: string) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : 2);
  return all.sort((one, other) => rank(one) - rank(other)).slice(0, MOST_FOUND);
}
