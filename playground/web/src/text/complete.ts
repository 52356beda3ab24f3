/** What the composer offers while one types: commands after `/`, people after `@`, channels after `#`. Pure. */

import type { Channel, Command, User } from "../wire/types";

export interface Offer {
  /** Replaces what was typed between `from` and `to`. */
  insert: string;
  title: string;
  hint: string;
  key: string;
}

export interface Completion {
  kind: "command" | "person" | "channel";
  from: number;
  to: number;
  offers: Offer[];
}

const MOST = 8;

/** The offers at the caret; null where there is nothing to offer. */
export function completion(
  text: string,
  caret: number,
  known: { commands: Command[]; users: User[]; channels: Channel[]; inThread: boolean },
): Completion | null {
  const before = text.slice(0, caret);
  const found = commands(before, known.commands, known.inThread) ?? names(before, known.users, known.channels);
  return found && found.offers.length > 0 ? found : null;
}

function commands(before: string, all: Command[], inThread: boolean): Completion | null {
  if (inThread || !/^\/\S*$/.test(before)) return null;
  const offers = all
    .filter((command) => command.command.startsWith(before.toLowerCase()))
    .map((command) => ({
      insert: `${command.command} `,
      title: [command.command, command.usage_hint].filter(Boolean).join(" "),
      hint: command.description,
      key: command.command,
    }));
  return { kind: "command", from: 0, to: before.length, offers: offers.slice(0, MOST) };
}

function names(before: string, users: User[], channels: Channel[]): Completion | null {
  const found = /(?:^|[\s(])([@#])([\w.-]*)$/.exec(before);
  if (!found) return null;
  const typed = (found[2] ?? "").toLowerCase();
  const from = before.length - typed.length - 1;
  const range = { from, to: before.length };
  if (found[1] === "@") return { kind: "person", ...range, offers: people(typed, users) };
  return { kind: "channel", ...range, offers: rooms(typed, channels) };
}

function people(typed: string, users: User[]): Offer[] {
  return ranked(users, typed, (user) => [user.name, ...user.real_name.split(" ")]).map((user) => ({
    insert: `@${user.name} `,
    title: user.name,
    hint: user.is_bot ? "App" : user.real_name,
    key: user.id,
  }));
}

function rooms(typed: string, channels: Channel[]): Offer[] {
  const open = channels.filter((channel) => !channel.between?.length && !channel.is_archived);
  return ranked(open, typed, (channel) => [channel.name]).map((channel) => ({
    insert: `#${channel.name} `,
    title: channel.name,
    hint: channel.is_private ? "Private channel" : "Channel",
    key: channel.id,
  }));
}

/** Those of which a word begins with what was typed, then those that hold it. */
export function ranked<T>(all: T[], typed: string, words: (one: T) => string[]): T[] {
  const rank = (one: T): number => {
    const own = words(one).map((word) => word.toLowerCase());
    if (own.some((word) => word.startsWith(typed))) return 0;
    return own.some((word) => word.includes(typed)) ? 1 : 2;
  };
  return all
    .map((one, at) => ({ one, at, rank: rank(one) }))
    .filter((found) => found.rank < 2)
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .slice(0, MOST)
    .map((found) => found.one);
}

/** The text and the caret after an offer was taken. */
export function taken(text: string, completion: Completion, offer: Offer): { text: string; caret: number } {
  const rest = text.slice(completion.to).replace(/^ /, "");
  return { text: text.slice(0, completion.from) + offer.insert + rest, caret: completion.from + offer.insert.length };
}

/** The hint of the command that is being typed, shown while its words are still missing. */
export function usage(text: string, all: Command[]): Command | null {
  const found = /^(\/\S+)\s/.exec(text);
  return all.find((command) => command.command === found?.[1]?.toLowerCase()) ?? null;
}
