/** Short notes at the foot of the page: what could not be done, and why. */

import { useSyncExternalStore } from "react";

export interface Note {
  number: number;
  text: string;
}

const SHOWN_MS = 7_000;
let notes: Note[] = [];
let last = 0;
const waiting = new Set<() => void>();

function change(fresh: Note[]): void {
  notes = fresh;
  for (const wake of waiting) wake();
}

export function tell(text: string): void {
  const number = ++last;
  change([...notes.slice(-2), { number, text }]);
  setTimeout(() => dismiss(number), SHOWN_MS);
}

export function dismiss(number: number): void {
  change(notes.filter((note) => note.number !== number));
}

export function useNotes(): Note[] {
  return useSyncExternalStore(
    (wake) => (waiting.add(wake), () => waiting.delete(wake)),
    () => notes,
  );
}
