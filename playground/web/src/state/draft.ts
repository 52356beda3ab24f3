/** What is typed and not yet sent, by place; kept while one looks elsewhere. */

import { useEffect, useLayoutEffect, useState, type RefObject } from "react";

const drafts = new Map<string, string>();
const waiting = new Set<(place: string) => void>();

/** Puts a text into the composer of a place, in front of the person's eyes. */
export function propose(place: string, text: string): void {
  drafts.set(place, text);
  for (const tell of waiting) tell(place);
}

const TALLEST_PX = 220;

export function useDraft(place: string, box: RefObject<HTMLTextAreaElement | null>): [string, (text: string) => void] {
  const [, redraw] = useState(0);
  const text = drafts.get(place) ?? "";
  useEffect(() => {
    const tell = (changed: string) => {
      if (changed !== place) return;
      redraw((count) => count + 1);
      requestAnimationFrame(() => box.current?.focus());
    };
    waiting.add(tell);
    return () => void waiting.delete(tell);
  }, [place, box]);
  useLayoutEffect(() => {
    if (!box.current) return;
    box.current.style.height = "auto";
    const needed = box.current.scrollHeight; // 0 in a dialog that is not shown yet
    if (needed) box.current.style.height = `${Math.min(needed, TALLEST_PX)}px`;
  }, [text, place, box]);
  const set = (fresh: string) => {
    drafts.set(place, fresh);
    redraw((count) => count + 1);
  };
  return [text, set];
}
