/** Sample data: a small team, a run's card with its thread, and one message of each kind that the page must draw. */

import type { Block, Entry, Look, Message } from "../src/wire/types.ts";
import { gallery } from "./gallery.ts";

const NOW = Date.now() / 1000;
let last = 0;

function at(minutesAgo: number): string {
  last = Math.max(NOW - minutesAgo * 60, last + 0.001);
  return last.toFixed(6);
}

const EVERYONE = ["U0ANA", "U0BEN", "U0LEA", "U0VERLBOT"];

export function sampleLook(user: string): Omit<Look, "version" | "connections" | "messages" | "modal" | "home"> {
  const users = [
    { id: "U0ANA", name: "ana", real_name: "Ana Souza", is_bot: false, tz: "Europe/Berlin" },
    { id: "U0BEN", name: "ben", real_name: "Ben Okafor", is_bot: false, tz: "America/New_York" },
    { id: "U0LEA", name: "lea", real_name: "Lea Lindqvist", is_bot: false, tz: "Asia/Tokyo" },
    { id: "U0VERLBOT", name: "verlbot", real_name: "verlbot", is_bot: true, tz: "UTC" },
  ];
  if (!users.some((one) => one.id === user && !one.is_bot)) throw new Error(`${user} is not a user here`);
  const people = ["U0ANA", "U0BEN", "U0LEA"];
  const plain = { is_private: false, is_archived: false, between: null };
  const channels = [
    { id: "C0TRAIN", name: "training", ...plain, members: EVERYONE },
    { id: "C0RANDOM", name: "random", ...plain, members: people },
    { id: "C0BLOCKS", name: "block-gallery", ...plain, members: EVERYONE },
    { id: "C0OLD", name: "runs-2025", ...plain, is_archived: true, members: people },
    { id: "C0SECRET", name: "secret", ...plain, is_private: true, members: ["U0ANA"] },
    { id: "D0BEN", name: "dm", ...plain, members: ["U0ANA", "U0BEN"], between: ["U0ANA", "U0BEN"] as [string, string] },
    { id: `D0${user}`, name: "dm-bot", ...plain, members: [user, "U0VERLBOT"], between: [user, "U0VERLBOT"] as [string, string] },
  ].filter((channel) => channel.members.includes(user));
  return {
    team: { id: "T0PLAY", name: "Playground" },
    bot: "U0VERLBOT",
    users,
    channels,
    files: Object.fromEntries(Object.entries(sampleFiles()).map(([id, { content, ...file }]) => [id, { ...file, size: content.length }])),
    commands: [
      { command: "/verl", description: "Launch and track verl training runs", usage_hint: "launch RECIPE | status | logs RUN | stop RUN" },
      { command: "/verl-admin", description: "Budgets and rights of the team", usage_hint: "" },
    ],
    guide: [
      { title: "Launch a run", text: "A real GRPO run of two processes, on this machine.", lines: ["/verl launch smoke nodes=2"], user: "U0ANA", channel: "C0TRAIN" },
      { title: "Watch it", text: "Its card changes in place; its thread keeps the detail.", lines: ["/verl status", "@verlbot logs --follow"] },
      { title: "See a failure", text: "It dies at step 3, and the bot says *why*.", lines: ["/verl launch smoke fail_at_step=3"] },
      { title: "Ask as another person", text: "Ben may look, and may not stop what is Ana's.", lines: ["/verl stop smoke-c757"], user: "U0BEN", channel: "C0TRAIN" },
    ],
  };
}

function message(channel: string, minutesAgo: number, user: string, text: string, more: Partial<Message> = {}): Message {
  const empty = { blocks: [], thread_ts: null, metadata: null, only_for: null, broadcast: false, edited: false, files: [], reactions: {} };
  return { ts: at(minutesAgo), channel, user, text, ...empty, ...more };
}

const RUN = "`smoke-c757`";

export function cardBlocks(): Block[] {
  const began = Math.round(NOW - 95 * 60);
  return [
    { type: "section", block_id: "b0", text: { type: "mrkdwn", text: `*smoke* ${RUN} · :large_blue_circle: *running*` } },
    { type: "context", block_id: "b1", elements: [{ type: "mrkdwn", text: `by <@U0ANA> · 2 nodes on this machine · since <!date^${began}^{date_short_pretty} {time}|then>` }] },
    { type: "section", block_id: "b2", text: { type: "mrkdwn", text: "step 40/60 · reward *0.82* · val 0.83 (step 40)" } },
    { type: "context", block_id: "b3", elements: [{ type: "mrkdwn", text: "$0.05 of $1.00 · $4.00/h (demo price) · lease until 01:36 UTC · autostop after 5 idle min" }] },
    {
      type: "actions",
      block_id: "b4",
      elements: [
        { type: "button", action_id: "logs", value: "smoke-c757", text: { type: "plain_text", text: "Logs" } },
        { type: "button", action_id: "open-modal", style: "primary", text: { type: "plain_text", text: "Retry with…" } },
        {
          type: "button",
          action_id: "stop",
          style: "danger",
          text: { type: "plain_text", text: "Stop" },
          confirm: {
            title: { type: "plain_text", text: "Stop this run?" },
            text: { type: "mrkdwn", text: `${RUN} ends and its cluster is removed. What it has not saved is lost.` },
            confirm: { type: "plain_text", text: "Stop it" },
            deny: { type: "plain_text", text: "Keep it" },
            style: "danger",
          },
        },
        { type: "button", action_id: "fails", text: { type: "plain_text", text: "Fails" } },
      ],
    },
  ];
}

export function sampleMessages(): Message[] {
  const old = message("C0TRAIN", 60 * 26, "U0BEN", "Does anybody still use the *old* reward model? I would like to remove it :wave:");
  const answer = message("C0TRAIN", 60 * 26 - 2, "U0LEA", "Not me. _Go ahead_, ~but keep the weights~ they are in `s3://models/rm-2`.", { reactions: { "+1": ["U0BEN", "U0ANA"], tada: ["U0BEN"] } });
  const typed = message("C0TRAIN", 100, "U0ANA", "Starting the smoke run, <@U0BEN> please have a look at <#C0RANDOM|random> later");
  const card = message("C0TRAIN", 95, "U0VERLBOT", "smoke smoke-c757 · running · step 40/60", { blocks: cardBlocks(), edited: true, reactions: { eyes: ["U0LEA"] } });
  const thread = [
    message("C0TRAIN", 95, "U0VERLBOT", ":rocket: Asked for 2 nodes on this machine: `/verl launch smoke nodes=2`", { thread_ts: card.ts }),
    message("C0TRAIN", 94, "U0VERLBOT", ":large_blue_circle: Running on 2 nodes; autostop after 5 idle min.", { thread_ts: card.ts }),
    message("C0TRAIN", 60, "U0BEN", "The reward climbs well\n> better than last week\nWhat changed?", { thread_ts: card.ts }),
    message("C0TRAIN", 58, "U0VERLBOT", ":warning: smoke-c757 has spent half of its budget", { thread_ts: card.ts, broadcast: true }),
  ];
  const only = message("C0TRAIN", 50, "U0VERLBOT", "You have one active run: `smoke-c757`. Its log is at <http://127.0.0.1/archives/C0TRAIN/p1|its thread>.", { only_for: "U0ANA" });
  const filed = message("C0TRAIN", 30, "U0VERLBOT", "Reward and KL of `smoke-c757`, and its whole log:", { files: ["F0PIC", "F0LOG"] });
  const late = [
    message("C0TRAIN", 8, "U0LEA", "Lists:\n• one\n• two with `code`\n1. first\n2. second\n```\nfor step in range(60):\n    reward <= 1\n```\nand a link https://example.org/a_b?c=1."),
    message("C0TRAIN", 6, "U0LEA", "<!channel> the cluster is free from <!date^1767225600^{date_long} at {time}|New Year>"),
  ];
  return [
    old,
    answer,
    typed,
    card,
    ...thread,
    only,
    filed,
    ...late,
    message("C0RANDOM", 20, "U0BEN", "Lunch?", { attachments: [{ type: "", color: "good", title: "The menu", title_link: "https://example.org", text: "Soup and *bread*" }] }),
    message("C0RANDOM", 19, "U0LEA", "Yes :ramen: :not_an_emoji:"),
    message("C0OLD", 60 * 24 * 200, "U0BEN", "The last message of the old year."),
    message("D0BEN", 15, "U0BEN", "Can you extend my lease?"),
    message("D0U0ANA", 14, "U0VERLBOT", "Your run `smoke-c757` needs an answer.", { blocks: cardBlocks() }),
    ...gallery().map((blocks, index) => message("C0BLOCKS", 12, "U0VERLBOT", `Gallery ${index}`, { blocks })),
  ];
}

const CURVE = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="300"><rect width="640" height="300" fill="#fbfaf7"/><path d="M30 260C150 250 200 120 320 110S500 60 610 50" fill="none" stroke="#1b6470" stroke-width="4"/><path d="M30 270h590M30 20v250" stroke="#999"/></svg>`;
const LOG = Array.from({ length: 80 }, (_, step) => `step ${step} reward=${(1 - Math.exp(-step / 20)).toFixed(3)} kl=${(0.01 * step).toFixed(3)}`).join("\n");

export function sampleFiles(): Record<string, { id: string; name: string; title: string; mimetype: string; url: string; content: string }> {
  return {
    F0PIC: { id: "F0PIC", name: "reward.svg", title: "Reward over steps", mimetype: "image/svg+xml", url: "/files/F0PIC", content: CURVE },
    F0LOG: { id: "F0LOG", name: "smoke.log", title: "smoke-c757.log", mimetype: "text/plain", url: "/files/F0LOG", content: LOG },
  };
}

export function sampleEntries(): Entry[] {
  const rows: [Entry["kind"], string, number | null, string][] = [
    ["delivery", "slash_commands", 0.008, "ok"],
    ["call", "chat.postMessage", 0.012, "ok"],
    ["call", "chat.update", 0.01, "ok"],
    ["delivery", "block_actions", 3.42, "ok"],
    ["call", "chat.update", 0.3, "ratelimited"],
    ["delivery", "app_mention", null, ""],
  ];
  return rows.map(([kind, name, seconds, outcome], index) => ({
    number: index + 1,
    kind,
    name,
    at: NOW - 60 + index,
    seconds,
    outcome,
    detail: { channel: "C0TRAIN", text: "/verl status" },
  }));
}
