/** Which steps of the guide are done, by a click or by hand, kept in this browser for this workspace.
 *
 * A step that says what a person sees once it is done is ticked by that message or form, so never by a refused line. Any
 * other step is ticked once all its lines were typed. */

import { useEffect } from "react";
import type { GuideStep, Look, Message } from "../wire/types";
import { store, stored, useStored } from "./stored";
import { unix } from "./talk";

const KEY = "guide-done";
const RESTARTED_KEY = "guide-restarted";
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

type Shown = Pick<Look, "bot" | "messages" | "modal">;

/** Whether the app has shown what proves a step, in a message from after `since` (Unix seconds) or in an open form. */
export function isProven(step: GuideStep, shown: Shown, since: number): boolean {
  if (!step.done_pattern) return false;
  const pattern = new RegExp(step.done_pattern);
  const said = (message: Message) =>
    message.user === shown.bot &&
    unix(message.ts) > since &&
    (pattern.test(message.text) || pattern.test(JSON.stringify(message.attachments ?? [])));
  return shown.messages.some(said) || pattern.test(shown.modal?.body.title?.text ?? "");
}

/** Ticks the steps off that what is shown proves. */
export function useProofs(look: Look): void {
  const [done] = useStored(KEY, NONE);
  const [since] = useStored(RESTARTED_KEY, 0);
  const { guide, bot, messages, modal } = look;
  useEffect(() => {
    const proven = guide.filter((step) => !done.includes(step.title) && isProven(step, { bot, messages, modal }, since));
    if (proven.length > 0) store(KEY, [...done, ...proven.map((step) => step.title)]);
  }, [guide, bot, messages, modal, done, since]);
}

/** Each step, with whether it is done; `next` is the first that is not.
 *
 * @param done titles of proven steps, and typed lines. */
export function progressOf(guide: GuideStep[], done: string[]): { finished: boolean[]; next: number } {
  const finished = guide.map((step) =>
    step.done_pattern ? done.includes(step.title) : step.lines.every((line) => done.includes(line)),
  );
  return { finished, next: finished.indexOf(false) };
}

export function useDone(): [string[], () => void] {
  const [done, set] = useStored(KEY, NONE);
  const restart = () => {
    store(RESTARTED_KEY, Date.now() / 1000);
    set(NONE);
  };
  return [done, restart];
}
