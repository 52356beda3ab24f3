/** Where the person is, kept in the address: `#/C0TRAIN`, `#/C0TRAIN/TS` for a thread, `#/app/home`. */

import { useCallback, useSyncExternalStore } from "react";

export interface Route {
  /** A channel's id, or `app` for the app's own page; empty where the address names none. */
  place: string;
  /** A message's ts, or a tab of the app's page. */
  detail: string;
}

export const APP = "app";

export function parsed(hash: string): Route {
  const [, place = "", detail = ""] = hash.replace(/^#/, "").split("/");
  return { place: decodeURIComponent(place), detail: decodeURIComponent(detail) };
}

export function hashOf(place: string, detail?: string | null): string {
  return `#/${encodeURIComponent(place)}${detail ? `/${encodeURIComponent(detail)}` : ""}`;
}

export function useRoute(): [Route, (place: string, detail?: string | null) => void] {
  const hash = useSyncExternalStore(
    (tell) => {
      window.addEventListener("hashchange", tell);
      return () => window.removeEventListener("hashchange", tell);
    },
    () => window.location.hash,
  );
  const go = useCallback((place: string, detail?: string | null) => {
    window.location.hash = hashOf(place, detail);
  }, []);
  return [parsed(hash), go];
}
