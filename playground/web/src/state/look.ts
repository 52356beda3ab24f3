/** The long poll as a hook: what the acting person sees, kept fresh, and whether the server is there. */

import { useEffect, useRef, useState } from "react";
import { look, Nobody } from "../wire/client";
import type { Look } from "../wire/types";
import { kept } from "./kept";

const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 3_000;

export interface Seen {
  look: Look | null;
  /** False while the server does not answer. */
  reachable: boolean;
  /** The server knows no such person, as when it was restarted with others. */
  nobody: boolean;
}

function rested(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()));
  });
}

/** Looks again and again as this person, until told to stop. */
export async function watch(user: string, signal: AbortSignal, show: (seen: Partial<Seen>) => void): Promise<void> {
  let after: number | null = null;
  let retry = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      const found: Look = await look(user, after, signal);
      if (signal.aborted) return;
      after = found.version;
      retry = FIRST_RETRY_MS;
      show({ look: found, reachable: true, nobody: false });
    } catch (error) {
      if (signal.aborted) return;
      show(error instanceof Nobody ? { reachable: true, nobody: true } : { reachable: false });
      after = null; // a server that came back may count its versions from the start
      await rested(retry, signal);
      retry = Math.min(retry * 2, LONGEST_RETRY_MS);
    }
  }
}

const AT_FIRST: Seen = { look: null, reachable: true, nobody: false };

/** What `user` sees. Of two looks, parts that are the same stay the same objects, so that they are not drawn again. */
export function useLook(user: string): Seen {
  const [seen, setSeen] = useState<Seen>(AT_FIRST);
  const last = useRef<Look | null>(null);
  useEffect(() => {
    const ending = new AbortController();
    last.current = null;
    void watch(user, ending.signal, (news) => {
      if (news.look) last.current = kept(last.current, news.look);
      setSeen((before) => ({ ...before, ...news, look: last.current ?? before.look }));
    });
    return () => ending.abort();
  }, [user]);
  return seen;
}
