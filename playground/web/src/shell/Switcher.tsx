/** Ctrl+K: go to a place by a few letters of its name. */

import { useId, useState, type KeyboardEvent } from "react";
import { Avatar } from "../pieces/Avatar";
import { Dialog } from "../pieces/Dialog";
import { Icon } from "../pieces/icons";
import { useActing, userOf } from "../state/acting";
import { places } from "../state/places";
import { ranked } from "../text/complete";

interface SwitcherProps {
  go: (place: string) => void;
  counts: Record<string, number>;
  close: () => void;
}

export function Switcher({ go, counts, close }: SwitcherProps) {
  const { look, me } = useActing();
  const id = useId();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const found = ranked(places(look, me.id), typed.toLowerCase().replace(/^[#@]/, ""), (one) => one.title.split(" "));
  const take = (place: string | undefined) => {
    if (!place) return;
    close();
    go(place);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((at + 1) % Math.max(found.length, 1));
    else if (event.key === "ArrowUp") setAt((at + found.length - 1) % Math.max(found.length, 1));
    else if (event.key === "Enter") take(found[at]?.id);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog className="switcher" label="Go to a channel or person" close={close} closesOutside>
      <input
        autoFocus
        className="field"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found.length ? `${id}-${at}` : undefined}
        aria-label="Go to"
        placeholder="Go to a channel or person"
        value={typed}
        onChange={(event) => (setTyped(event.target.value), setAt(0))}
        onKeyDown={press}
      />
      <ul id={id} role="listbox" aria-label="Places">
        {found.map((one, index) => (
          <li key={one.id} id={`${id}-${index}`} role="option" aria-selected={index === at} onClick={() => take(one.id)} onMouseMove={() => setAt(index)}>
            {one.user ? <Avatar id={one.user} user={userOf(look, one.user)} size={20} /> : <Icon name={one.kind === "private" ? "lock" : "hash"} size={16} />}
            <span className="offer-title">{one.title}</span>
            {(counts[one.channel] ?? 0) > 0 && <span className="badge">{counts[one.channel]}</span>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="empty" role="status">No results.</p>}
    </Dialog>
  );
}
