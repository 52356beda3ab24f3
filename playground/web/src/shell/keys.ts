/** Keys that work everywhere: Ctrl/Cmd+K, Alt+Up and Alt+Down, Escape. */

import { useEffect, useRef, type KeyboardEvent as Pressed } from "react";
import type { Place } from "../state/places";

interface Keys {
  places: Place[];
  place: string;
  go: (place: string) => void;
  switcher: () => void;
  close: () => void;
}

/** The place above or below, around the ends. */
export function neighbour(places: Place[], place: string, step: 1 | -1): string | undefined {
  const at = places.findIndex((one) => one.id === place);
  return places[(at + step + places.length) % places.length]?.id;
}

export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { places, place, go, switcher, close } = latest.current;
      if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") switcher();
      else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        const next = neighbour(places, place, event.key === "ArrowUp" ? -1 : 1);
        if (next) go(next);
      } else if (event.key === "Escape") return close();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

/** For a pane that stays open beside the talk: Escape closes it while the focus is inside. */
export function closesOnEscape(close: () => void): (event: Pressed) => void {
  return (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    close();
  };
}
