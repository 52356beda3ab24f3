/** What stands within a line of Slack's mrkdwn: emphasis, code, links, mentions, dates, emoji. Pure. */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "bold" | "italic" | "strike"; children: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "link"; url: string; label: string }
  | { kind: "user" | "channel" | "group"; id: string; label: string }
  | { kind: "broadcast"; name: string }
  | { kind: "date"; unix: number; format: string; url: string; fallback: string }
  | { kind: "emoji"; name: string; typed: string };

export function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

const TOKEN = /^<((?:[@#!]|https?:\/\/|mailto:|tel:)[^<>\n]*)>/;
const EMOJI = /^:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/;
const BARE_URL = /^https?:\/\/[^\s<>"'|`]*[^\s<>"'|`.,;:!?)\]}*_~]/;
const MARKS: Record<string, "bold" | "italic" | "strike"> = { "*": "bold", _: "italic", "~": "strike" };
const BEFORE = /[\s\u200b\p{P}\p{S}]/u;

/** The parts of one or more lines. */
export function inline(text: string): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) found.push({ kind: "text", text: unescaped(plain) });
    plain = "";
  };
  while (at < text.length) {
    const taken = taking(text, at);
    if (!taken) {
      plain += text[at++];
      continue;
    }
    flush();
    found.push(taken.node);
    at += taken.length;
  }
  flush();
  return found;
}

interface Taken {
  node: Inline;
  length: number;
}

function taking(text: string, at: number): Taken | null {
  const rest = text.slice(at);
  switch (text[at]) {
    case "\n":
      return { node: { kind: "break" }, length: 1 };
    case "<":
      return token(rest);
    case "`":
      return code(rest);
    case "*":
    case "_":
    case "~":
      return emphasis(text, at);
    case ":":
      return emoji(text, at, rest);
    case "h":
      return bareUrl(text, at, rest);
    default:
      return null;
  }
}

function token(rest: string): Taken | null {
  const found = TOKEN.exec(rest);
  if (!found?.[1]) return null;
  const node = reference(found[1]);
  return node && { node, length: found[0].length };
}

/** What stands between `<` and `>`. */
function reference(inner: string): Inline | null {
  const bar = inner.indexOf("|");
  const [target, label] = bar < 0 ? [inner, ""] : [inner.slice(0, bar), unescaped(inner.slice(bar + 1))];
  if (target.startsWith("@")) return { kind: "user", id: target.slice(1), label };
  if (target.startsWith("#")) return { kind: "channel", id: target.slice(1), label };
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!subteam^")) return { kind: "group", id: target.slice("!subteam^".length), label };
  if (target.startsWith("!")) return { kind: "broadcast", name: label || target.slice(1) };
  return { kind: "link", url: unescaped(target), label: label || shownUrl(unescaped(target)) };
}

function shownUrl(url: string): string {
  return url.replace(/^(mailto|tel):/, "");
}

function date(target: string, fallback: string): Inline {
  const [, unix = "", format = "", url = ""] = target.split("^");
  if (!/^-?\d+$/.test(unix)) return { kind: "text", text: fallback };
  return { kind: "date", unix: Number(unix), format: unescaped(format), url: unescaped(url), fallback };
}

function code(rest: string): Taken | null {
  const found = /^`([^`\n]+)`/.exec(rest);
  return found?.[1] ? { node: { kind: "code", text: flat(found[1]) }, length: found[0].length } : null;
}

/** Text in which references are shown by their words: code has no links. */
export function flat(text: string): string {
  const named = text.replace(/<((?:[@#!]|https?:\/\/|mailto:|tel:)[^<>\n]*)>/g, (_, inner: string) => {
    const bar = inner.indexOf("|");
    return bar < 0 ? inner : inner.slice(bar + 1);
  });
  return unescaped(named);
}

function isBoundary(character: string | undefined): boolean {
  return character === undefined || BEFORE.test(character);
}

/** `*bold*`: the marks stand at the edges of words, with no blank inside them, on one line. */
function emphasis(text: string, at: number): Taken | null {
  const mark = text[at] as string;
  const kind = MARKS[mark];
  const next = text[at + 1];
  if (!kind || !isBoundary(text[at - 1]) || next === undefined || /\s/.test(next) || next === mark) return null;
  for (let end = at + 1; end < text.length && text[end] !== "\n"; end++) {
    const inside = skipped(text, end);
    if (inside > end) {
      end = inside - 1;
      continue;
    }
    if (text[end] === mark && !/\s/.test(text[end - 1] ?? "") && isBoundary(text[end + 1])) {
      return { node: { kind, children: inline(text.slice(at + 1, end)) }, length: end + 1 - at };
    }
  }
  return null;
}

/** Where what begins here ends, if no mark inside it counts: code and references. */
function skipped(text: string, at: number): number {
  const found = text[at] === "`" ? /^`[^`\n]+`/.exec(text.slice(at)) : text[at] === "<" ? TOKEN.exec(text.slice(at)) : null;
  return found ? at + found[0].length : at;
}

function emoji(text: string, at: number, rest: string): Taken | null {
  if (/[\w]/.test(text[at - 1] ?? "")) return null; // 10:30:15 is a time
  const found = EMOJI.exec(rest);
  return found?.[1] ? { node: { kind: "emoji", name: found[1], typed: found[0] }, length: found[0].length } : null;
}

function bareUrl(text: string, at: number, rest: string): Taken | null {
  if (/\w/.test(text[at - 1] ?? "")) return null;
  const url = BARE_URL.exec(rest)?.[0];
  return url ? { node: { kind: "link", url: unescaped(url), label: unescaped(url) }, length: url.length } : null;
}
