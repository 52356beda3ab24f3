/** What hangs on a message: an app's attachments, and what it shows of a link. */

import { useMemo, useState } from "react";
import { Link, Mrkdwn, Plain } from "../text/Rich";
import type { Block, Message, Values } from "../wire/types";
import { BlockList } from "./BlockOf";
import { SurfaceOf } from "./surface";
import { identified } from "./values";

export default function Attachments({ message }: { message: Message }) {
  return message.attachments?.map((attachment, at) => <Attachment key={at} message={message} attachment={attachment} />);
}

const COLOURS: Record<string, string> = { good: "var(--good)", warning: "var(--warn)", danger: "var(--danger)" };

function Attachment({ message, attachment }: { message: Message; attachment: Block }) {
  const [filled, setFilled] = useState<Values>({});
  const blocks = useMemo(() => identified((attachment.blocks ?? []) as Block[]), [attachment.blocks]);
  const where = useMemo(() => ({ channel: message.channel, ts: message.ts }), [message.channel, message.ts]);
  const colour = String(attachment.color ?? "");
  const { pretext, title, title_link, text, fallback } = attachment;
  return (
    <div className="attachment" style={{ borderColor: COLOURS[colour] ?? (/^#?[0-9a-f]{6}$/i.test(colour) ? `#${colour.replace("#", "")}` : undefined) }}>
      {pretext && <Mrkdwn text={String(pretext)} />}
      {title && <p className="panel-title">{title_link ? <Link url={String(title_link)}>{String(title)}</Link> : <Plain text={String(title)} />}</p>}
      {text && <Mrkdwn text={String(text)} />}
      {blocks.length > 0 && (
        <SurfaceOf where={where} blocks={blocks} filled={filled} setFilled={setFilled}>
          <BlockList blocks={blocks} />
        </SurfaceOf>
      )}
      {!text && !title && blocks.length === 0 && fallback && <Plain text={String(fallback)} />}
    </div>
  );
}
