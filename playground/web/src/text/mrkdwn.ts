/** Slack's mrkdwn as a tree: paragraphs, lists, quotes and code blocks around what `inline` finds. Pure. */

import { flat, inline, type Inline } from "./inline";

export type Part =
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "pre"; text: string }
  | { kind: "quote"; parts: Part[] }
  | { kind: "list"; ordered: boolean; start: number; items: { depth: number; children: Inline[] }[] };

const FENCE = /```([\s\S]+?)```/g;
const QUOTE = /^(?:&gt;|>) ?/;
const ITEM = /^(\s*)(?:([•◦▪‣*-])|(\d{1,3})[.)])\s+(?=\S)/;

/** The parts of a text of type mrkdwn. */
export function mrkdwn(text: string): Part[] {
  const found: Part[] = [];
  let at = 0;
  for (const fence of text.matchAll(FENCE)) {
    found.push(...lines(text.slice(at, fence.index).replace(/\n$/, "")));
    found.push({ kind: "pre", text: flat((fence[1] ?? "").replace(/^\n/, "").replace(/\n$/, "")) });
    at = fence.index + fence[0].length;
  }
  found.push(...lines(at ? text.slice(at).replace(/^\n/, "") : text));
  return found;
}

const PLAIN = /(?<!\w):([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):|\n/g;

/** A text of type plain_text: nothing in it is markup but emoji and the ends of lines. */
export function plain(text: string): Inline[] {
  const found: Inline[] = [];
  let at = 0;
  for (const mark of text.matchAll(PLAIN)) {
    if (mark.index > at) found.push({ kind: "text", text: text.slice(at, mark.index) });
    found.push(mark[1] ? { kind: "emoji", name: mark[1], typed: mark[0] } : { kind: "break" });
    at = mark.index + mark[0].length;
  }
  if (at < text.length) found.push({ kind: "text", text: text.slice(at) });
  return found;
}

function lines(text: string): Part[] {
  if (!text) return [];
  const found: Part[] = [];
  const rest = text.split("\n");
  for (let at = 0; at < rest.length; ) {
    const end = ending(rest, at);
    const group = rest.slice(at, end);
    found.push(part(group));
    at = end;
  }
  return found;
}

type Shape = "quote" | "list" | "paragraph";

function shape(line: string): Shape {
  if (QUOTE.test(line)) return "quote";
  return ITEM.test(line) ? "list" : "paragraph";
}

/** Where the lines of one shape end. */
function ending(all: string[], start: number): number {
  const first = all[start] as string;
  if (first.startsWith("&gt;&gt;&gt;") || first.startsWith(">>>")) return all.length; // quotes all that follows
  let end = start + 1;
  while (end < all.length && shape(all[end] as string) === shape(first) && isNumbered(all[end] as string) === isNumbered(first)) end++;
  return end;
}

function isNumbered(line: string): boolean {
  return ITEM.exec(line)?.[3] !== undefined;
}

function part(group: string[]): Part {
  const first = group[0] as string;
  switch (shape(first)) {
    case "quote":
      return { kind: "quote", parts: mrkdwn(unquoted(group)) };
    case "list":
      return list(group);
    case "paragraph":
      return { kind: "paragraph", children: inline(group.join("\n")) };
  }
}

function unquoted(group: string[]): string {
  const all = /^(?:&gt;&gt;&gt;|>>>) ?/;
  if (all.test(group[0] as string)) return group.join("\n").replace(all, "");
  return group.map((line) => line.replace(QUOTE, "")).join("\n");
}

function list(group: string[]): Part {
  const first = ITEM.exec(group[0] as string);
  const items = group.map((line) => {
    const found = ITEM.exec(line);
    const hollow = found?.[2] === "◦" ? 1 : found?.[2] === "▪" ? 2 : 0;
    const depth = Math.max(hollow, Math.floor((found?.[1]?.length ?? 0) / 2));
    return { depth: Math.min(depth, 4), children: inline(line.replace(ITEM, "")) };
  });
  return { kind: "list", ordered: first?.[3] !== undefined, start: Number(first?.[3] ?? 1), items };
}

/** What shows a moment; empty for a format that shows nothing. */
export type DateOf = (unix: number, format: string) => string;

/** A text in one line without markup: for titles, notifications and labels. Without `dateOf`, dates are their fallbacks. */
export function oneLine(text: string, nameOf: (id: string) => string = (id) => id, dateOf: DateOf = () => ""): string {
  const words = (nodes: Inline[]): string => nodes.map((node) => word(node, nameOf, dateOf, words)).join("");
  return words(inline(text.replace(/```/g, ""))).replace(/\s+/g, " ").trim();
}

function word(node: Inline, nameOf: (id: string) => string, dateOf: DateOf, words: (nodes: Inline[]) => string): string {
  switch (node.kind) {
    case "text":
    case "code":
      return node.text;
    case "break":
      return " ";
    case "bold":
    case "italic":
    case "strike":
      return words(node.children);
    case "link":
      return node.label;
    case "user":
    case "group":
      return `@${node.label || nameOf(node.id)}`;
    case "channel":
      return `#${node.label || nameOf(node.id)}`;
    case "broadcast":
      return `@${node.name}`;
    case "date":
      return dateOf(node.unix, node.format) || node.fallback;
    case "emoji":
      return node.typed;
  }
}
