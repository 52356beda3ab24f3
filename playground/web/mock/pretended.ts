/** The mock server's memory and its few reactions: enough to try every part of the page by hand. */

import type { Block, Entry, Look, Message, Values, View } from "../src/wire/types.ts";
import { launchModal, nested, sampleHome } from "./views.ts";
import { sampleEntries, sampleFiles, sampleLook, sampleMessages } from "./sample.ts";

type Asked = Record<string, any>;

export class Pretended {
  private version = 1;
  private connections = 1;
  private messages: Message[] = sampleMessages();
  private modals: View[] = [];
  private entries: Entry[] = sampleEntries();
  private waiting = new Set<() => void>();
  private last = Date.now() / 1000;

  file(id: string) {
    return sampleFiles()[id];
  }

  async get(name: string, query: URLSearchParams): Promise<unknown> {
    if (name === "record") {
      const after = Number(query.get("after") ?? 0);
      return { entries: this.entries.filter((entry) => entry.number > after), last: this.entries.length };
    }
    if (name !== "look") throw new Error(`there is no ${name}`);
    const after = query.get("after");
    if (after !== null && this.version <= Number(after)) await this.change(Number(query.get("seconds") ?? 25));
    return this.look(query.get("user") ?? "");
  }

  async post(name: string, asked: Asked): Promise<unknown> {
    switch (name) {
      case "type":
        return this.type(asked);
      case "act":
        return this.act(asked);
      case "submit":
        return this.submit(asked.values);
      case "close":
        this.modals.pop();
        return this.touched({});
      case "home":
        return this.touched({});
      case "react":
        return this.react(asked);
      case "away": // of this mock server alone: the bot leaves or comes back
        this.connections = this.connections ? 0 : 1;
        return this.touched({});
    }
    throw new Error(`there is no ${name}`);
  }

  private look(user: string): Look {
    const sample = sampleLook(user);
    const mine = sample.channels.map((channel) => channel.id);
    return {
      ...sample,
      version: this.version,
      connections: this.connections,
      messages: this.messages.filter((one) => mine.includes(one.channel) && (one.only_for ?? user) === user),
      modal: this.modals.at(-1) ?? null,
      home: { id: "V0HOME", body: sampleHome() },
    };
  }

  private type(asked: Asked): unknown {
    const text = String(asked.text);
    if (text.startsWith("/nothing")) return { error: "/nothing is not a valid command. There is /verl." };
    this.entries.push(entry(this.entries.length + 1, text.startsWith("/") ? "slash_commands" : "events_api", text.includes("slow") ? 3.4 : 0.012));
    if (text === "/verl new") {
      this.modals.push({ id: `V${this.version}`, body: launchModal() });
      return this.touched({ acked_seconds: 0.01 });
    }
    if (text.startsWith("/verl many")) for (let at = 0; at < 5; at++) this.say(asked.channel, `Line ${at + 1} of many`);
    if (text.startsWith("/")) {
      this.say(asked.channel, `I would have done \`${text}\`.`, { only_for: asked.user });
      return { acked_seconds: 0.012 };
    }
    const message = this.say(asked.channel, text, { user: asked.user, thread_ts: asked.thread_ts ?? null });
    if (text.includes("@verlbot")) setTimeout(() => this.say(asked.channel, "_Listening._", { thread_ts: message.thread_ts ?? message.ts }), 600);
    return { ts: message.ts };
  }

  private act(asked: Asked): unknown {
    const message = this.messages.find((one) => one.ts === asked.where.ts);
    const element = elements(message?.blocks ?? this.modals.at(-1)?.body.blocks ?? sampleHome().blocks ?? []).find((one) => one.action_id === asked.action_id);
    if (element?.confirm && !asked.confirmed) return { confirm: element.confirm };
    this.entries.push(entry(this.entries.length + 1, `block_actions ${asked.action_id}`, 0.02));
    if (asked.action_id === "open-modal") this.modals.push({ id: `V${this.version}`, body: launchModal() });
    else if (asked.action_id === "push") this.modals.push({ id: `V${this.version}`, body: nested() });
    else if (asked.action_id === "fails") return { error: "The app did not answer within three seconds." };
    else if (message) this.say(message.channel, `\`${asked.action_id}\` with \`${JSON.stringify(asked.chosen ?? {})}\``, { thread_ts: message.ts });
    return this.touched({});
  }

  private submit(values: Values): unknown {
    const name = values["name"]?.["name"]?.["value"];
    if (name === "taken") return { errors: { name: "A run of this name is already there." } };
    this.modals.pop();
    this.say("C0TRAIN", `Sent: \`\`\`${JSON.stringify(values, null, 1)}\`\`\``);
    return {};
  }

  private react(asked: Asked): unknown {
    this.messages = this.messages.map((message) => {
      if (message.ts !== asked.ts) return message;
      const people: string[] = message.reactions[asked.name] ?? [];
      const changed = people.includes(asked.user) ? people.filter((id) => id !== asked.user) : [...people, asked.user];
      const reactions: Record<string, string[]> = { ...message.reactions, [asked.name]: changed };
      if (!changed.length) delete reactions[asked.name];
      return { ...message, reactions };
    });
    return this.touched({});
  }

  private say(channel: string, text: string, more: Partial<Message> = {}): Message {
    this.last = Math.max(Date.now() / 1000, this.last + 0.000_01);
    const message: Message = {
      ts: this.last.toFixed(6),
      channel,
      user: "U0VERLBOT",
      text,
      blocks: [],
      thread_ts: null,
      metadata: null,
      only_for: null,
      broadcast: false,
      edited: false,
      files: [],
      reactions: {},
      ...more,
    };
    this.messages = [...this.messages, message];
    this.touched({});
    return message;
  }

  private touched<T>(result: T): T {
    this.version++;
    for (const wake of this.waiting) wake();
    this.waiting.clear();
    return result;
  }

  private change(seconds: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, seconds * 1000);
      this.waiting.add(() => (clearTimeout(timer), done()));
    });
  }
}

function elements(blocks: Block[]): Block[] {
  return blocks.flatMap((block) => [...(block.elements ?? []), ...(block.actions ?? []), block.accessory, block.element].filter(Boolean));
}

function entry(number: number, name: string, seconds: number): Entry {
  return { number, kind: "delivery", name, at: Date.now() / 1000, seconds, outcome: "ok", detail: { user: "U0ANA" } };
}
