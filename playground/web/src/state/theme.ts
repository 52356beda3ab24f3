/** Light or dark: as the system has it, or as the person chose. */

import { useCallback } from "react";
import { store, stored, useStored } from "./stored";

export type Theme = "light" | "dark";

function system(): Theme {
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function applyTheme(): void {
  const chosen = stored<Theme | "">("theme", "");
  document.documentElement.dataset.theme = chosen || system();
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

export function useTheme(): [Theme, () => void] {
  const [chosen] = useStored<Theme | "">("theme", "");
  const theme = chosen || system();
  const change = useCallback(() => {
    const other = (document.documentElement.dataset.theme as Theme) === "dark" ? "light" : "dark";
    store("theme", other === system() ? "" : other);
    applyTheme();
  }, []);
  return [theme, change];
}
