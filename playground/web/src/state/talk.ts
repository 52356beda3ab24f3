/** What of all messages stands where: in a channel, in a thread, unread. Pure. */

import type { Channel, Message } from "../wire/types";

/** When it was written, in Unix seconds. */
export function unix(ts: string): number {
  return Number.parseFloat(ts);
}

export function isReply(message: Message): boolean {
  return message.thread_ts !== null && message.thread_ts !== message.ts;
}

/** What the channel itself shows: no replies but those that were sent to it too. */
export function inChannel(messages: Message[], channel: string): Message[] {
  return messages.filter((message) => message.channel === channel && (!isReply(message) || message.broadcast));
}

/** A thread: its first message, then its replies. */
export function inThread(messages: Message[], channel: string, root: string): Message[] {
  return messages.filter(
    (message) => message.channel === channel && (message.ts === root || message.thread_ts === root),
  );
}

export interface Replies {
  count: number;
  people: string[];
  last: string;
}

/** The threads of a channel by the ts of their first message. */
export function repliesOf(messages: Message[], channel: string): Map<string, Replies> {
  const found = new Map<string, Replies>();
  for (const message of messages) {
    if (message.channel !== channel || !isReply(message) || message.only_for) continue;
    const root = message.thread_ts as string;
    const before = found.get(root) ?? { count: 0, people: [], last: "" };
    const people = before.people.includes(message.user) ? before.people : [...before.people, message.user];
    found.set(root, { count: before.count + 1, people, last: message.ts });
  }
  return found;
}

export type Read = Record<string, string>;

/** How many messages of others a person has not seen, by channel. */
export function unread(messages: Message[], me: string, read: Read): Record<string, number> {
  const found: Record<string, number> = {};
  for (const message of messages) {
    if (message.user === me || (isReply(message) && !message.broadcast)) continue;
    if (unix(message.ts) > unix(read[message.channel] ?? "0")) {
      found[message.channel] = (found[message.channel] ?? 0) + 1;
    }
  }
  return found;
}

/** The ts of the newest message that the channel shows; empty where there is none. */
export function newest(messages: Message[], channel: string): string {
  return inChannel(messages, channel).at(-1)?.ts ?? "";
}

const TOGETHER_SECONDS = 300;

/** Whether a message is drawn below the one before without a name of its own. */
export function continues(before: Message | undefined, message: Message): boolean {
  return (
    before !== undefined &&
    before.user === message.user &&
    !before.only_for &&
    !message.only_for && // each answer for one person says so, as in Slack
    !isReply(message) &&
    !isReply(before) &&
    unix(message.ts) - unix(before.ts) < TOGETHER_SECONDS
  );
}

/** Channels by name, then direct messages. */
export function sorted(channels: Channel[]): Channel[] {
  return channels.toSorted((one, other) => one.name.localeCompare(other.name));
}
