/** Values that outlive the page, in this browser's localStorage; without one they live as long as the page. */

import { useCallback, useSyncExternalStore } from "react";

export const PREFIX = "verlbot.";
const cache = new Map<string, { text: string | null; value: unknown }>();
const waiting = new Set<() => void>();

function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden in this browser
  }
}

/** The kept value. The same object as before while it has not changed. */
export function stored<T>(key: string, fallback: T): T {
  const found = cache.get(key);
  if (found) return found.text === null ? fallback : (found.value as T);
  const text = storage()?.getItem(PREFIX + key) ?? null;
  let value: unknown = fallback;
  try {
    if (text !== null) value = JSON.parse(text);
  } catch {
    value = fallback; // written by something else
  }
  cache.set(key, { text, value });
  return value as T;
}

export function store(key: string, value: unknown): void {
  const text = JSON.stringify(value);
  if (cache.get(key)?.text === text) return;
  cache.set(key, { text, value });
  try {
    storage()?.setItem(PREFIX + key, text);
  } catch {
    // full or forbidden: the value lives as long as the page, which `cache` holds
  }
  for (const tell of waiting) tell();
}

function subscribe(tell: () => void): () => void {
  const changed = (event: StorageEvent) => {
    if (!event.key?.startsWith(PREFIX)) return;
    cache.delete(event.key.slice(PREFIX.length));
    tell();
  };
  waiting.add(tell);
  window.addEventListener("storage", changed); // another tab
  return () => {
    waiting.delete(tell);
    window.removeEventListener("storage", changed);
  };
}

export function useStored<T>(key: string, fallback: T): [T, (value: T) => void] {
  const value = useSyncExternalStore(subscribe, () => stored(key, fallback));
  return [value, useCallback((fresh: T) => store(key, fresh), [key])];
}
