/** Messages that between them hold every block and element of Slack's that the page draws. */

import type { Block } from "../src/wire/types.ts";

const plain = (text: string) => ({ type: "plain_text", text });
const mrkdwn = (text: string) => ({ type: "mrkdwn", text });
const option = (text: string, value = text.toLowerCase()) => ({ text: plain(text), value });
const rich = (...elements: Block[]): Block => ({ type: "rich_text", elements: [{ type: "rich_text_section", elements }] });
const STEPS = Array.from({ length: 12 }, (_, step) => String((step + 1) * 10));
const series = (name: string, value: (at: number) => number) => ({
  name,
  data: STEPS.map((label, at) => ({ label, value: Number(value(at).toFixed(3)) })),
});
const chart = (type: string, title: string): Block => ({
  type: "data_visualization",
  title,
  chart: {
    type,
    series: [series("reward", (at) => 1 - Math.exp(-at / 4)), series("validation", (at) => 0.9 - Math.exp(-at / 5) * 0.8)],
    axis_config: { categories: STEPS, x_label: "step", y_label: "score" },
  },
});

export function gallery(): Block[][] {
  return [texts(), charts(), tables(), surfaces(), controls(), [{ type: "hologram", block_id: "h" }]].map((blocks, row) =>
    blocks.map((block, at) => ({ block_id: `g${row}-${at}`, ...block })),
  );
}

function texts(): Block[] {
  return [
    { type: "header", text: plain("Weekly report :bar_chart:") },
    { type: "section", text: mrkdwn("Three runs *succeeded*, one _failed_."), accessory: { type: "button", action_id: "details", text: plain("Details") } },
    { type: "section", fields: ["*Spent*\n$41.20", "*Saved*\n$12.00", "*Best run*\n`ppo-7f3a`", "*Reward*\n0.91"].map(mrkdwn) },
    { type: "divider" },
    { type: "image", title: plain("Reward"), image_url: "/files/F0PIC", alt_text: "A curve that rises" },
    { type: "image", image_url: "https://example.org/outside.png", alt_text: "A picture from outside" },
    { type: "context", elements: [mrkdwn("made by <@U0VERLBOT>"), plain("plain :tada:")] },
    {
      type: "rich_text",
      elements: [
        { type: "rich_text_section", elements: [{ type: "text", text: "Rich: " }, { type: "text", text: "bold", style: { bold: true } }, { type: "text", text: " by " }, { type: "user", user_id: "U0BEN" }, { type: "text", text: " in " }, { type: "channel", channel_id: "C0TRAIN" }, { type: "emoji", name: "rocket" }, { type: "text", text: " since " }, { type: "date", timestamp: 1767225600, format: "{date_short_pretty} {time}" }] },
        { type: "rich_text_list", style: "bullet", elements: [{ type: "rich_text_section", elements: [{ type: "text", text: "first" }] }, { type: "rich_text_section", elements: [{ type: "link", url: "https://example.org", text: "second" }] }] },
        { type: "rich_text_quote", elements: [{ type: "text", text: "quoted" }] },
        { type: "rich_text_preformatted", elements: [{ type: "text", text: "step 1 reward=0.10 <b>no markup</b>\nstep 2 reward=0.20" }] },
      ],
    },
    { type: "markdown", text: "# Standard markdown\n\nWith **bold**, a [link](https://example.org), and\n\n- [x] a task\n- [ ] another\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint('hello')\n```" },
  ];
}

function charts(): Block[] {
  return [
    chart("line", "Reward of smoke-c757"),
    chart("area", "Reward as an area"),
    chart("bar", "Reward as bars"),
    { type: "data_visualization", title: "Where the money went", chart: { type: "pie", segments: [{ label: "A100", value: 31 }, { label: "H100", value: 54 }, { label: "CPU", value: 4 }] } },
  ];
}

function tables(): Block[] {
  const cell = (text: string) => ({ type: "raw_text", text });
  return [
    {
      type: "table",
      column_settings: [{ is_wrapped: true }, { align: "right" }, { align: "right" }],
      rows: [
        ["Run", "Reward", "Cost"].map(cell),
        [rich({ type: "text", text: "ppo-7f3a", style: { bold: true } }), cell("0.91"), cell("$31.00")],
        [cell("grpo-11aa"), cell("0.87"), cell("$9.10")],
      ],
    },
    { type: "data_table", caption: "Runs, as a newer block", rows: [["Run", "Reward"].map(cell), [cell("ppo-7f3a"), { type: "raw_number", value: 0.91, text: "0.91" }]] },
  ];
}

function surfaces(): Block[] {
  return [
    ...["info", "warning", "error", "success"].map((level) => ({ type: "alert", level, text: mrkdwn(`An alert of level *${level}*`) })),
    { type: "card", title: plain("ppo on 8 × H100"), subtitle: plain("the big one"), body: mrkdwn("Costs about *$212*"), icon: { image_url: "/files/F0PIC", alt_text: "curve" }, actions: [{ type: "button", action_id: "card-launch", text: plain("Launch"), style: "primary" }] },
    { type: "carousel", elements: ["smoke", "ppo", "grpo"].map((name) => ({ type: "card", title: plain(name), body: mrkdwn("A recipe"), actions: [{ type: "button", action_id: `pick-${name}`, text: plain("Pick") }] })) },
    { type: "task_card", task_id: "t1", title: "Look for a machine", status: "in_progress", details: rich({ type: "text", text: "asking three clouds" }), sources: [{ type: "url", url: "https://example.org", text: "prices" }] },
    { type: "plan", title: "What will happen", tasks: [{ type: "task_card", task_id: "p1", title: "Launch", status: "complete" }, { type: "task_card", task_id: "p2", title: "Train", status: "in_progress", output: rich({ type: "text", text: "step 40/60" }) }, { type: "task_card", task_id: "p3", title: "Save the model", status: "pending" }, { type: "task_card", task_id: "p4", title: "Tell Lea", status: "error" }] },
    { type: "context_actions", elements: [{ type: "feedback_buttons", action_id: "feedback", positive_button: { text: plain("Good"), value: "good" }, negative_button: { text: plain("Bad"), value: "bad" } }, { type: "icon_button", icon: "trash", action_id: "remove", text: plain("Remove") }] },
    { type: "container", title: plain("A container"), is_collapsible: true, child_blocks: [{ type: "section", text: mrkdwn("what it holds") }] },
    { type: "file", external_id: "X1", source: "remote" },
    { type: "video", title: plain("A video"), alt_text: "A video", video_url: "https://example.org/v", thumbnail_url: "https://example.org/t.png" },
  ];
}

export function controls(): Block[] {
  const options = ["Smoke", "PPO", "GRPO"].map((name) => option(name));
  return [
    {
      type: "actions",
      elements: [
        { type: "static_select", action_id: "recipe", placeholder: plain("Pick a recipe"), options },
        { type: "static_select", action_id: "grouped", placeholder: plain("In groups"), option_groups: [{ label: plain("Quick"), options: options.slice(0, 1) }, { label: plain("Long"), options: options.slice(1) }] },
        { type: "multi_static_select", action_id: "recipes", placeholder: plain("Several"), options },
        { type: "users_select", action_id: "person", placeholder: plain("A person") },
        { type: "multi_users_select", action_id: "persons", placeholder: plain("People") },
        { type: "channels_select", action_id: "channel", placeholder: plain("A channel") },
        { type: "conversations_select", action_id: "conversation", placeholder: plain("A conversation") },
        { type: "external_select", action_id: "outside", placeholder: plain("From the app") },
        { type: "datepicker", action_id: "day", initial_date: "2026-03-09", placeholder: plain("A day") },
        { type: "timepicker", action_id: "time", initial_time: "14:05", placeholder: plain("A time") },
        { type: "datetimepicker", action_id: "moment", initial_date_time: 1767225600 },
        { type: "overflow", action_id: "more", options: [option("Extend the lease"), option("Copy the line")] },
        { type: "workflow_button", text: plain("Run workflow") },
      ],
    },
    { type: "actions", elements: [{ type: "radio_buttons", action_id: "one", options: options.map((one, at) => ({ ...one, description: at ? undefined : plain("the quick one") })), initial_option: options[0] }] },
    { type: "actions", elements: [{ type: "checkboxes", action_id: "some", options: [{ text: mrkdwn("*Spot* machines"), value: "spot" }, option("Save often")] }] },
    { type: "input", optional: true, label: plain("A note"), hint: plain("Enter sends it"), dispatch_action: true, element: { type: "plain_text_input", action_id: "note" } },
  ];
}
