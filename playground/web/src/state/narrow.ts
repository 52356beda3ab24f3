/** Whether the page is too narrow for panes side by side; `style/frame.css` has the same width. */

import { useSyncExternalStore } from "react";

const NARROW = window.matchMedia("(max-width: 860px)");

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (tell) => {
      NARROW.addEventListener("change", tell);
      return () => NARROW.removeEventListener("change", tell);
    },
    () => NARROW.matches,
  );
}
