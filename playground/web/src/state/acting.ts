/** Who acts and what this person sees: what every part of the page may ask for. */

import { createContext, useContext, useMemo } from "react";
import type { Channel, Look, User } from "../wire/types";
import type { Clock } from "../text/date";

/** What changes seldom; kept apart from the messages, so that a new one does not draw all others again. */
export type Known = Omit<Look, "version" | "connections" | "messages" | "modal" | "home">;

export interface Acting {
  look: Known;
  me: User;
  clock: Clock;
  /** Goes to a channel, or to a thread of it. */
  go: (channel: string, ts?: string | null) => void;
}

export const ActingContext = createContext<Acting | null>(null);

export function useActing(): Acting {
  const found = useContext(ActingContext);
  if (!found) throw new Error("ActingContext is missing.");
  return found;
}

export const TalkContext = createContext<Look | null>(null);

/** Everything, messages included. */
export function useTalk(): Look {
  const found = useContext(TalkContext);
  if (!found) throw new Error("There is no talk here: TalkContext is missing.");
  return found;
}

export function useKnown(look: Look | null): Known | null {
  const { team, bot, users, channels, files, commands, guide } = look ?? NOTHING;
  return useMemo(
    () => (team ? { team, bot, users, channels, files, commands, guide } : null),
    [team, bot, users, channels, files, commands, guide],
  );
}

const NOTHING = { team: null, bot: "", users: [], channels: [], files: {}, commands: [], guide: [] };

export function userOf(look: Known, id: string): User | undefined {
  return look.users.find((user) => user.id === id);
}

/** A person's name as messages show it. */
export function nameOf(look: Known, id: string): string {
  const user = userOf(look, id);
  return user?.real_name || user?.name || id;
}

export function isDirect(channel: Channel): boolean {
  return (channel.between?.length ?? 0) > 0;
}

/** The channel's name without its mark; for a direct message the other person's. */
export function titleOf(look: Known, channel: Channel, me: string): string {
  if (!isDirect(channel)) return channel.name;
  const other = channel.between?.find((id) => id !== me) ?? me;
  return nameOf(look, other);
}

export function directWithBot(look: Known): Channel | undefined {
  return look.channels.find((channel) => isDirect(channel) && channel.between?.includes(look.bot));
}
