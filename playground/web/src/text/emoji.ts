/** Emoji by the names that Slack uses. The table is loaded once, after the first screen; until then names stay as typed. */

import { useSyncExternalStore } from "react";

let table: Map<string, string> | null = null;
const waiting = new Set<() => void>();

/** A table by name, of one by code points: `"1F44D": ["+1", "thumbsup"]`. */
export function tableOf(byCode: Record<string, string | string[]>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [code, names] of Object.entries(byCode)) {
    const points = code.split("-").map((point) => parseInt(point, 16));
    const alone = points.length === 1 && !(points[0]! >= 0x1f3fb && points[0]! <= 0x1f3ff);
    const character = String.fromCodePoint(...points) + (alone ? "\u{fe0f}" : ""); // coloured, where a text form exists
    for (const name of [names].flat()) found.set(name, character);
  }
  return found;
}

/** `wave`, or `wave::skin-tone-3`, as a character; nothing where there is no such emoji. */
export function emojiOf(names: Map<string, string> | null, name: string): string | undefined {
  const [base = "", tone] = name.split("::");
  const found = names?.get(base);
  const skin = tone && names?.get(tone);
  return found && skin ? found.replace("\u{fe0f}", "") + skin : found;
}

let asked: Promise<void> | null = null;

export function loadEmoji(): Promise<void> {
  asked ??= import("emojibase-data/en/shortcodes/iamcal.json").then((module) => {
    table = tableOf(module.default as Record<string, string | string[]>);
    for (const tell of waiting) tell();
  });
  return asked;
}

export function useEmoji(): Map<string, string> | null {
  return useSyncExternalStore(
    (tell) => (waiting.add(tell), () => waiting.delete(tell)),
    () => table,
  );
}
