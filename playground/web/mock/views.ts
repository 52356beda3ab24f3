/** The mock app's modals and Home. */

import type { ViewBody } from "../src/wire/types.ts";
import { controls } from "./gallery.ts";
import { cardBlocks } from "./sample.ts";

const plain = (text: string) => ({ type: "plain_text", text });

export function launchModal(): ViewBody {
  return {
    type: "modal",
    title: plain("Launch a run"),
    submit: plain("Launch"),
    close: plain("Not now"),
    blocks: [
      { type: "input", block_id: "name", label: plain("Name"), hint: plain("“taken” is refused by the app"), element: { type: "plain_text_input", action_id: "name", max_length: 20, placeholder: plain("ppo-7f3a") } },
      { type: "input", block_id: "nodes", label: plain("Nodes"), element: { type: "number_input", action_id: "nodes", is_decimal_allowed: false, min_value: "1", max_value: "8", initial_value: "2" } },
      { type: "input", block_id: "why", optional: true, label: plain("Why"), element: { type: "plain_text_input", action_id: "why", multiline: true } },
      { type: "section", block_id: "more", text: { type: "mrkdwn", text: "There is *another* view on top." }, accessory: { type: "button", action_id: "push", text: plain("Open it") } },
      { type: "input", block_id: "file", optional: true, label: plain("A file"), element: { type: "file_input", action_id: "file" } },
      ...controls().map((block, at) => ({ ...block, block_id: `c${at}` })),
    ],
  };
}

export function nested(): ViewBody {
  return {
    type: "modal",
    title: plain("On top"),
    close: plain("Back"),
    blocks: [{ type: "section", block_id: "s", text: { type: "mrkdwn", text: "Below, what was typed is still there." } }],
  };
}

export function sampleHome(): ViewBody {
  return {
    type: "home",
    blocks: [
      { type: "header", block_id: "h0", text: plain("Your runs") },
      ...cardBlocks().map((block) => ({ ...block, block_id: `home-${block.block_id}` })),
    ],
  };
}
