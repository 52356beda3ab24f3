/** Which lines of the guide have been typed: by a click or by hand, kept in this browser for this workspace. */

import type { GuideStep } from "../wire/types";
import { store, stored, useStored } from "./stored";

const KEY = "guide-done";
const NONE: string[] = [];

/** A typed line as the guide has it: the id of a run is RUN again. */
export function asInGuide(line: string, guide: GuideStep[]): string {
  const patterns = new Set(guide.flatMap((step) => (step.run_pattern ? [step.run_pattern] : [])));
  const plain = [...patterns].reduce((text, pattern) => text.replace(new RegExp(pattern, "g"), "RUN"), line.trim());
  return plain.replace(/\s+/g, " ");
}

/** The line with the id of the newest run in place of RUN; null where there is none yet.
 *
 * The newest run is the one that was named first last: news of an earlier run, such as its end, do not make it newer. */
export function filled(line: string, step: GuideStep, texts: string[]): string | null {
  if (!/\bRUN\b/.test(line) || !step.run_pattern) return line;
  const pattern = new RegExp(step.run_pattern, "g");
  const newest = [...new Set(texts.flatMap((text) => text.match(pattern) ?? []))].at(-1);
  return newest ? line.replace(/\bRUN\b/g, newest) : null;
}

export function markTyped(line: string, guide: GuideStep[]): void {
  const typed = asInGuide(line, guide);
  const done = stored(KEY, NONE);
  if (!done.includes(typed) && guide.some((step) => step.lines.includes(typed))) store(KEY, [...done, typed]);
}

/** Each step, with whether one of its lines was typed; `next` is the first that was not. */
export function progressOf(guide: GuideStep[], done: string[]): { finished: boolean[]; next: number } {
  const finished = guide.map((step) => step.lines.some((line) => done.includes(line)));
  return { finished, next: finished.indexOf(false) };
}

export function useDone(): [string[], () => void] {
  const [done, set] = useStored(KEY, NONE);
  return [done, () => set(NONE)];
}
