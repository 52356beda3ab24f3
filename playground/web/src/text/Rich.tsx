/** Draws what the readers of mrkdwn found: for the acting person, in his zone, with names in place of ids. */

import { memo, useEffect, useMemo, useState, type ReactNode } from "react";
import { nameOf, useActing } from "../state/acting";
import { hashOf } from "../state/route";
import { isRelative, slackDate } from "./date";
import { emojiOf, useEmoji } from "./emoji";
import { inline, type Inline } from "./inline";
import { mrkdwn, plain, type Part } from "./mrkdwn";

export const Mrkdwn = memo(function Mrkdwn({ text }: { text: string }) {
  const parts = useMemo(() => mrkdwn(text), [text]);
  return <Parts parts={parts} />;
});

/** mrkdwn within a line: for labels and titles. */
export function Line({ text }: { text: string }) {
  return <Inlines nodes={inline(text)} />;
}

export function Plain({ text }: { text: string }) {
  return <Inlines nodes={plain(text)} />;
}

/** A text object of Slack's: mrkdwn or plain. */
export function TextOf({ text }: { text: { type?: string; text?: string } | string | undefined }) {
  if (text === undefined || typeof text === "string") return <Plain text={text ?? ""} />;
  return text.type === "mrkdwn" ? <Mrkdwn text={text.text ?? ""} /> : <Plain text={text.text ?? ""} />;
}

function Parts({ parts }: { parts: Part[] }): ReactNode {
  return parts.map((part, at) => <PartOf key={at} part={part} />);
}

function PartOf({ part }: { part: Part }): ReactNode {
  switch (part.kind) {
    case "paragraph":
      return (
        <div className="para">
          <Inlines nodes={part.children} />
        </div>
      );
    case "pre":
      return (
        <pre className="pre" tabIndex={0}>
          {part.text}
        </pre>
      );
    case "quote":
      return (
        <blockquote className="quote">
          <Parts parts={part.parts} />
        </blockquote>
      );
    case "list":
      return <List part={part} />;
  }
}

function List({ part }: { part: Extract<Part, { kind: "list" }> }): ReactNode {
  const items = part.items.map((item, at) => (
    <li key={at} className={`depth-${item.depth}`}>
      <Inlines nodes={item.children} />
    </li>
  ));
  return part.ordered ? (
    <ol className="list" start={part.start}>
      {items}
    </ol>
  ) : (
    <ul className="list">{items}</ul>
  );
}

function Inlines({ nodes }: { nodes: Inline[] }): ReactNode {
  return nodes.map((node, at) => <InlineOf key={at} node={node} />);
}

function InlineOf({ node }: { node: Inline }): ReactNode {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return <br />;
    case "bold":
      return <strong>{<Inlines nodes={node.children} />}</strong>;
    case "italic":
      return <em>{<Inlines nodes={node.children} />}</em>;
    case "strike":
      return <s>{<Inlines nodes={node.children} />}</s>;
    case "code":
      return <code className="code">{node.text}</code>;
    case "link":
      return <Link url={node.url}>{node.label}</Link>;
    case "user":
      return <Person id={node.id} label={node.label} />;
    case "channel":
      return <ChannelLink id={node.id} label={node.label} />;
    case "group":
      return <span className="mention">@{(node.label || node.id).replace(/^@/, "")}</span>;
    case "broadcast":
      return <span className="mention mention-all">@{node.name.replace(/^@/, "")}</span>;
    case "date":
      return <SlackDate unix={node.unix} format={node.format} url={node.url} fallback={node.fallback} />;
    case "emoji":
      return <Emoji name={node.name} typed={node.typed} />;
  }
}

/** A link to the outside, which is followed only by a click; one to a message of this playground stays in the page. */
export function Link({ url, children }: { url: string; children: ReactNode }) {
  const inside = insideOf(url);
  if (inside) return <a href={inside}>{children}</a>;
  if (!/^(https?:|mailto:|tel:)/i.test(url) && !url.startsWith("/files/")) return <span>{children}</span>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

/** The address within the page of a permalink, `…/archives/C0TRAIN/p1700000000000100`. */
export function insideOf(url: string): string | null {
  const found = /^(https?:\/\/[^/]+)\/archives\/(\w+)(?:\/p(\d+)(\d{6}))?/.exec(url);
  if (!found || (found[1] !== window.location.origin && !/\/\/(localhost|127\.0\.0\.1)(:|$)/.test(found[1] ?? ""))) return null;
  return hashOf(found[2] ?? "", found[3] ? `${found[3]}.${found[4]}` : null);
}

export function Person({ id, label }: { id: string; label?: string | undefined }) {
  const { look, me } = useActing();
  const name = label || nameOf(look, id);
  return <span className={`mention ${id === me.id ? "mention-me" : ""}`}>@{name.replace(/^@/, "")}</span>;
}

export function ChannelLink({ id, label }: { id: string; label?: string | undefined }) {
  const { look } = useActing();
  const channel = look.channels.find((one) => one.id === id);
  const name = channel?.name || label || id;
  return channel ? (
    <a className="mention" href={hashOf(id)}>
      #{name}
    </a>
  ) : (
    <span className="mention">#{name}</span>
  );
}

export function Emoji({ name, typed }: { name: string; typed: string }) {
  const found = emojiOf(useEmoji(), name);
  return found ? (
    <span className="emoji" role="img" aria-label={typed} title={typed}>
      {found}
    </span>
  ) : (
    typed
  );
}

const FRESHEN_MS = 30_000;

export function SlackDate(shown: { unix: number; format: string; url?: string | undefined; fallback?: string | undefined }) {
  const { clock } = useActing();
  const [, redraw] = useState(0);
  const relative = isRelative(shown.format);
  useEffect(() => {
    if (!relative) return;
    const timer = setInterval(() => redraw((count) => count + 1), FRESHEN_MS);
    return () => clearInterval(timer);
  }, [relative]);
  const text = slackDate(shown.unix, shown.format, { ...clock, now: Date.now() / 1000 });
  const time = (
    <time dateTime={new Date(shown.unix * 1000).toISOString()} title={slackDate(shown.unix, "{date_long} {time_secs}", clock)}>
      {text || shown.fallback}
    </time>
  );
  return shown.url ? <Link url={shown.url}>{time}</Link> : time;
}
