/** The places of the sidebar from top to bottom: channels, direct messages, the app. Pure. */

import type { Channel } from "../wire/types";
import { isDirect, nameOf, titleOf, type Known } from "./acting";
import { APP } from "./route";
import { sorted } from "./talk";

export interface Place {
  id: string;
  kind: "channel" | "private" | "direct" | "app";
  title: string;
  /** The channel whose unread messages count for it. */
  channel: string;
  archived: boolean;
  /** The other person of a direct message. */
  user?: string;
}

export function places(look: Known, me: string): Place[] {
  const rooms = sorted(look.channels.filter((channel) => !isDirect(channel)));
  const direct = look.channels.filter(isDirect);
  const people = direct.filter((channel) => !channel.between?.includes(look.bot));
  const app = direct.find((channel) => channel.between?.includes(look.bot));
  return [
    ...rooms.map((channel) => room(channel)),
    ...people.map((channel) => ({ ...room(channel), kind: "direct" as const, title: titleOf(look, channel, me), user: other(channel, me) })),
    { id: APP, kind: "app", title: nameOf(look, look.bot), channel: app?.id ?? "", archived: false, user: look.bot },
  ];
}

function room(channel: Channel): Place {
  const { id, name, is_private, is_archived } = channel;
  return { id, kind: is_private ? "private" : "channel", title: name, channel: id, archived: is_archived };
}

function other(channel: Channel, me: string): string {
  return channel.between?.find((id) => id !== me) ?? me;
}
