/** The recorder's entries as they come in: those without an answer yet are requested again. Pure. */

import type { Entry } from "../wire/types";

/** Slack's patience: what is not acknowledged by then shows an error to the person. */
export const SLOW_SECONDS = 3;
const MOST = 500;

/** After which number to ask, so that entries that still wait for their answer come again. */
export function pendingFrom(entries: Entry[]): number {
  const pending = entries.find((entry) => entry.seconds === null && entry.outcome === "");
  return pending ? pending.number - 1 : (entries.at(-1)?.number ?? 0);
}

/** What was known, with what came; a restarted server is followed. */
export function merged(before: Entry[], answer: { entries: Entry[]; last: number }): Entry[] {
  const restarted = answer.last < (before.at(-1)?.number ?? 0);
  if (!answer.entries.length) return restarted ? [] : before;
  const first = (answer.entries[0] as Entry).number;
  const kept = restarted ? [] : before.filter((entry) => entry.number < first);
  return [...kept, ...answer.entries].slice(-MOST);
}

export function took(entry: Entry): string {
  if (entry.seconds === null) return "…";
  if (entry.seconds < 0.000_5) return "< 1 ms";
  return entry.seconds < 1 ? `${Math.round(entry.seconds * 1000)} ms` : `${entry.seconds.toFixed(1)} s`;
}
