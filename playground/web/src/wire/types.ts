/** What the playground's server tells and takes, as JSON. Blocks are Slack's own and are looked into where they are drawn. */

export type Json = Record<string, unknown>;

export interface User {
  id: string;
  name: string;
  real_name: string;
  is_bot: boolean;
  /** An IANA name, such as Europe/Berlin. */
  tz: string;
}

export interface Channel {
  id: string;
  name: string;
  is_private: boolean;
  is_archived: boolean;
  members: string[];
  /** The two people of a direct message; null or empty for a channel. */
  between: string[] | null;
}

export interface Message {
  /** Slack's id of a message: Unix seconds with six decimals, growing. */
  ts: string;
  channel: string;
  user: string;
  text: string;
  blocks: Block[];
  thread_ts: string | null;
  metadata: Json | null;
  /** The one person who sees it, of an ephemeral. */
  only_for: string | null;
  /** A reply that is shown in the channel too. */
  broadcast: boolean;
  edited: boolean;
  files: string[];
  reactions: Record<string, string[]>;
  attachments?: Block[];
}

export interface SharedFile {
  id: string;
  name: string;
  title: string;
  mimetype: string;
  size: number;
  url: string;
}

export interface View {
  id: string;
  body: ViewBody;
}

export interface ViewBody {
  type?: string;
  title?: Text;
  submit?: Text;
  close?: Text;
  blocks?: Block[];
  [key: string]: unknown;
}

export interface Command {
  command: string;
  description: string;
  usage_hint: string;
}

export interface GuideStep {
  title: string;
  text: string;
  lines: string[];
  /** Who types it; the person who acts where there is none. */
  user?: string | null;
  /** What this person is, such as an approver. */
  role?: string;
  channel?: string | null;
  /** What an id looks like that replaces RUN in a line. */
  run_pattern?: string;
  /** Matches a message of the app's, or a form's title, that a person sees once the step is done. */
  done_pattern?: string;
}

/** Everything that one person may see. */
export interface Look {
  version: number;
  /** Of the app; 0 where the bot is away. */
  connections: number;
  team: { id: string; name: string };
  bot: string;
  users: User[];
  channels: Channel[];
  messages: Message[];
  files: Record<string, SharedFile>;
  modal: View | null;
  home: View | null;
  commands: Command[];
  guide: GuideStep[];
}

export interface Text {
  type?: string;
  text: string;
}

/** A block or element of Slack's; each drawer knows its own fields. */
export interface Block {
  type: string;
  block_id?: string;
  // eslint-like looseness on purpose: apps send what they like, and the page draws what it understands.
  [key: string]: any;
}

export type Where = { channel: string; ts: string } | { view: string };

export interface Confirm {
  title?: Text;
  text?: Text;
  confirm?: Text;
  deny?: Text;
  style?: string;
}

/** The value of one input, as Slack keeps it: a type, and `value` or `selected_…`. */
export type InputValue = { type: string } & Json;

/** Values by block and action. */
export type Values = Record<string, Record<string, InputValue>>;

export interface Answer {
  ts?: string;
  acked_seconds?: number;
  error?: string;
  confirm?: Confirm;
  errors?: Record<string, string>;
  response_action?: string;
}

export interface Entry {
  number: number;
  kind: "call" | "delivery";
  name: string;
  /** Unix seconds. */
  at: number;
  /** Until its answer; null while there is none. */
  seconds: number | null;
  outcome: string;
  detail: unknown;
}
