/** What a select offers: the app's options, or the people and channels of the workspace. Pure. */

import { isDirect, nameOf, titleOf, type Known } from "../../state/acting";
import { oneLine } from "../../text/mrkdwn";
import type { Block } from "../../wire/types";

export interface Choice {
  key: string;
  label: string;
  /** What is kept when it is chosen: the app's option, or an id. */
  kept: unknown;
}

export interface Group {
  label: string;
  choices: Choice[];
}

function choice(option: Block): Choice {
  return { key: String(option.value), label: oneLine(option.text?.text ?? ""), kept: option };
}

function ids(all: { id: string; label: string }[]): Group[] {
  return [{ label: "", choices: all.map(({ id, label }) => ({ key: id, label, kept: id })) }];
}

/** The groups that an element offers; one without a name where it has none. */
export function groupsOf(element: Block, look: Known, me: string): Group[] {
  const kind = element.type.replace(/^multi_/, "");
  const rooms = look.channels.filter((channel) => !isDirect(channel));
  switch (kind) {
    case "users_select":
      return ids(look.users.map(({ id }) => ({ id, label: nameOf(look, id) })));
    case "channels_select":
      return ids(rooms.filter((channel) => !channel.is_private).map(({ id, name }) => ({ id, label: `#${name}` })));
    case "conversations_select":
      return ids(look.channels.map((one) => ({ id: one.id, label: (isDirect(one) ? "" : "#") + titleOf(look, one, me) })));
  }
  const groups = element.option_groups as Block[] | undefined;
  if (groups) return groups.map((group) => ({ label: oneLine(group.label?.text ?? ""), choices: (group.options ?? []).map(choice) }));
  return [{ label: "", choices: ((element.options ?? initialOptions(element)) as Block[]).map(choice) }];
}

/** All that an element with the app's own source can show here: what it began with. */
function initialOptions(element: Block): Block[] {
  return element.initial_options ?? (element.initial_option ? [element.initial_option] : []);
}

/** The key of what is kept. */
export function keyOf(kept: unknown): string {
  return kept && typeof kept === "object" ? String((kept as Block).value) : String(kept ?? "");
}
