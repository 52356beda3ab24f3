/** The messages of a channel, day by day. Stays at the end while one is there; else a pill counts new ones. */

import { Fragment, useState, type RefObject } from "react";
import { Icon } from "../pieces/icons";
import { useActing, useTalk } from "../state/acting";
import { useEnd } from "../state/end";
import { continues, repliesOf, unix } from "../state/talk";
import { dayOf, isSameDay } from "../text/date";
import type { Channel, Message } from "../wire/types";
import { MessageRow } from "./MessageRow";

const PAGE = 120;

interface ListProps {
  channel: Channel;
  messages: Message[];
  /** The message that the address names. */
  target: string;
  /** Newer messages of others are below a line that says so. */
  unreadAfter: string;
  label: string;
  down: RefObject<() => void>;
}

export function MessageList({ channel, messages, target, unreadAfter, label, down }: ListProps) {
  const { me, clock } = useActing();
  const all = useTalk().messages;
  const [pages, setPages] = useState(1);
  const named = messages.findIndex((message) => message.ts === target);
  const first = Math.max(0, Math.min(messages.length - PAGE * pages, named < 0 ? Infinity : named - 5));
  const shown = messages.slice(first);
  const end = useEnd(messages, me.id, target);
  down.current = end.toEnd;
  const replies = repliesOf(all, channel.id);
  const firstUnread = unreadAfter ? shown.find((one) => unix(one.ts) > unix(unreadAfter) && one.user !== me.id) : undefined;

  return (
    <div className="list-frame">
      <div id="talk" className="list" role="log" aria-label={label} tabIndex={0} ref={end.box} onScroll={end.scrolled}>
        <div className="list-inner" ref={end.content}>
          {first > 0 ? (
            <button type="button" className="button earlier" onClick={() => setPages(pages + 1)}>
              Show earlier messages
            </button>
          ) : (
            <Beginning channel={channel} empty={messages.length === 0} />
          )}
          {shown.map((message, at) => {
            const before = shown[at - 1];
            const newDay = !before || !isSameDay(unix(before.ts), unix(message.ts), clock.zone);
            const isFirstUnread = message === firstUnread;
            return (
              <Fragment key={message.ts}>
                {newDay && <Divider>{dayOf(unix(message.ts), clock)}</Divider>}
                {isFirstUnread && <Divider kind="new">New</Divider>}
                <MessageRow
                  message={message}
                  continued={!newDay && !isFirstUnread && continues(before, message)}
                  replies={replies.get(message.ts)}
                  named={message.ts === target}
                />
              </Fragment>
            );
          })}
        </div>
      </div>
      {end.news > 0 && (
        <button type="button" className="pill" onClick={end.toEnd}>
          <Icon name="down" size={15} /> {end.news} new {end.news === 1 ? "message" : "messages"}
        </button>
      )}
    </div>
  );
}

function Divider({ kind = "day", children }: { kind?: "day" | "new"; children: string }) {
  return (
    <div className={`divider divider-${kind}`} role="separator" aria-label={children}>
      <span aria-hidden="true">{children}</span>
    </div>
  );
}

function Beginning({ channel, empty }: { channel: Channel; empty: boolean }) {
  const what = channel.between?.length ? "this conversation" : `#${channel.name}`;
  return (
    <div className="beginning">
      <h2>The beginning of {what}</h2>
      <p>{empty ? "Nothing has been said yet. Press the first command of the guide, or type /verl help below." : "Everything that was said here follows."}</p>
    </div>
  );
}
