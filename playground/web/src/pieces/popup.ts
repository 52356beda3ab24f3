/** A small layer under a button: Escape and a click elsewhere close it. */

import { useEffect, useRef, type RefObject } from "react";

export function usePopup<T extends HTMLElement>(open: boolean, close: () => void): RefObject<T | null> {
  const box = useRef<T>(null);
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) latest.current();
    };
    const press = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      latest.current();
      box.current?.querySelector("button")?.focus();
    };
    document.addEventListener("mousedown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", press, true);
    return () => {
      document.removeEventListener("mousedown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", press, true);
    };
  }, [open]);
  return box;
}
