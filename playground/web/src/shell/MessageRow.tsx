/** One message: who, when, what, and what people did with it. */

import { memo } from "react";
import { Avatar } from "../pieces/Avatar";
import { Icon } from "../pieces/icons";
import { nameOf, useActing, userOf, useTalk } from "../state/acting";
import { hashOf } from "../state/route";
import { isReply, unix, type Replies } from "../state/talk";
import { slackDate, timeOf } from "../text/date";
import { oneLine } from "../text/mrkdwn";
import type { Message } from "../wire/types";
import { Body } from "./Body";
import { Files } from "./Files";
import { Reactions, MessageTools } from "./Reactions";

interface RowProps {
  message: Message;
  continued?: boolean;
  replies?: Replies | undefined;
  named?: boolean;
  inThread?: boolean;
}

export const MessageRow = memo(function MessageRow({ message, continued = false, replies, named = false, inThread = false }: RowProps) {
  const { look, me, clock } = useActing();
  const user = userOf(look, message.user);
  const name = nameOf(look, message.user);
  const time = timeOf(unix(message.ts), clock);
  const classes = ["message", continued && "continued", message.only_for && "ephemeral", named && "named"].filter(Boolean).join(" ");
  return (
    <article className={classes} data-ts={message.ts} tabIndex={-1} aria-label={`${name}, ${time}: ${oneLine(message.text, (id) => nameOf(look, id)).slice(0, 120)}`}>
      <div className="gutter">{continued ? <Time message={message} short /> : <Avatar user={user} id={message.user} />}</div>
      <div className="message-main">
        {message.only_for === me.id && (
          <p className="only-you">
            <Icon name="eye" size={14} /> Only visible to you
          </p>
        )}
        {isReply(message) && message.broadcast && !inThread && <Broadcast message={message} />}
        {!continued && (
          <div className="byline">
            <span className="name">{name}</span>
            {user?.is_bot && <span className="tag">App</span>}
            <Time message={message} />
            {message.edited && <span className="edited">(edited)</span>}
          </div>
        )}
        <Body message={message} marksEdit={continued} />
        <Files message={message} />
        <Reactions message={message} />
        {!inThread && replies && <RepliesLink message={message} replies={replies} />}
      </div>
      {!message.only_for && <MessageTools message={message} inThread={inThread} />}
    </article>
  );
});

function Time({ message, short = false }: { message: Message; short?: boolean }) {
  const { clock } = useActing();
  const at = unix(message.ts);
  const text = timeOf(at, clock);
  return (
    <a
      className="time"
      href={hashOf(message.channel, message.ts)}
      title={slackDate(at, "{date_long} {time_secs}", clock)}
      aria-label={`${slackDate(at, "{date_pretty} {time}", clock)}: link to this message`}
    >
      {short ? text.replace(/ [AP]M$/, "") : text}
    </a>
  );
}

/** What the reply is to: the first words of the thread, as Slack shows them. */
function Broadcast({ message }: { message: Message }) {
  const { look, clock } = useActing();
  const { messages } = useTalk();
  const root = messages.find((one) => one.channel === message.channel && one.ts === message.thread_ts);
  const dateOf = (at: number, format: string) => slackDate(at, format, clock);
  const words = root ? oneLine(root.text, (id) => nameOf(look, id), dateOf).replace(/:[a-z_]+: ?/g, "") : "";
  return (
    <p className="broadcast">
      <Icon name="thread" size={14} /> replied to a thread:{" "}
      <a href={hashOf(message.channel, message.thread_ts)}>{words || "its first message"}</a>
    </p>
  );
}

function RepliesLink({ message, replies }: { message: Message; replies: Replies }) {
  const { look, clock } = useActing();
  return (
    <a className="replies" href={hashOf(message.channel, message.ts)}>
      <span className="replies-people" aria-hidden="true">
        {replies.people.slice(0, 4).map((id) => (
          <Avatar key={id} id={id} user={userOf(look, id)} size={20} />
        ))}
      </span>
      <span className="replies-count">
        {replies.count} {replies.count === 1 ? "reply" : "replies"}
      </span>
      <span className="replies-last">{slackDate(unix(replies.last), "last {date_pretty} {time}", clock).replace(/^L/, "l")}</span>
    </a>
  );
}
