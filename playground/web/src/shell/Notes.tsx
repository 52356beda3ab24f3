/** Shows the notes; they are read out as they come. */

import { Icon } from "../pieces/icons";
import { dismiss, useNotes } from "../state/notes";

export function Notes() {
  const notes = useNotes();
  return (
    <div className="notes" role="alert">
      {notes.map((note) => (
        <div key={note.number} className="note">
          <Icon name="alert" /> <span>{note.text}</span>
          <button type="button" className="quiet" aria-label="Dismiss" onClick={() => dismiss(note.number)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
