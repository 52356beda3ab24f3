/** Calls of the playground's control API. What a person cannot do comes back as `{error}`, never as an exception. */

import { windowId } from "../state/tab";
import type { Answer, Entry, Json, Look, Values, Where } from "./types";

const LOOK_SECONDS = 25;

/** The server cannot be reached, or does not answer as itself. */
export class Gone extends Error {}

/** The server answers, and knows no such person. */
export class Nobody extends Error {}

async function fetched(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { cache: "no-store", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Gone("The playground's server cannot be reached.");
  }
}

async function post(name: string, body: Json): Promise<Answer> {
  try {
    const response = await fetched(`/control/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json().catch(() => null)) as Answer | null;
    if (answer && typeof answer === "object" && (response.ok || answer.error)) return answer;
    return { error: `The playground's server answered ${response.status}.` };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function got<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetched(path, signal ? { signal } : {});
  if (response.status === 400) throw new Nobody(await response.text());
  if (!response.ok) throw new Gone(`The playground's server answered ${response.status}.`);
  return (await response.json()) as T;
}

/** What the person sees; with `after`, once something has changed or the wait is over. */
export function look(user: string, after: number | null, signal: AbortSignal): Promise<Look> {
  const query = new URLSearchParams({ user, window: windowId() });
  if (after !== null) {
    query.set("after", String(after));
    query.set("seconds", String(LOOK_SECONDS));
  }
  return got<Look>(`/control/look?${query}`, signal);
}

export function record(after: number, signal: AbortSignal): Promise<{ entries: Entry[]; last: number }> {
  return got(`/control/record?after=${after}`, signal);
}

export function type(user: string, channel: string, text: string, thread?: string | null): Promise<Answer> {
  return post("type", { user, window: windowId(), channel, text, ...(thread ? { thread_ts: thread } : {}) });
}

export interface Act {
  user: string;
  where: Where;
  block_id: string;
  action_id: string;
  chosen?: Json;
  state?: Values;
  confirmed?: boolean;
}

export function act(asked: Act): Promise<Answer> {
  return post("act", { window: windowId(), ...asked });
}

export function submit(user: string, values: Values): Promise<Answer> {
  return post("submit", { user, window: windowId(), values });
}

export function close(user: string): Promise<Answer> {
  return post("close", { user, window: windowId() });
}

export function home(user: string, tab: "home" | "messages"): Promise<Answer> {
  return post("home", { user, tab });
}

export function react(user: string, channel: string, ts: string, name: string): Promise<Answer> {
  return post("react", { user, channel, ts, name });
}
