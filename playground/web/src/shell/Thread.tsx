/** A thread beside its channel: the first message, its replies, and where one answers. */

import { useEffect, useMemo, useRef } from "react";
import { Dialog } from "../pieces/Dialog";
import { Icon } from "../pieces/icons";
import { isDirect, titleOf, useActing, useTalk } from "../state/acting";
import { useEnd } from "../state/end";
import { useNarrow } from "../state/narrow";
import { inThread, isReply } from "../state/talk";
import type { Channel } from "../wire/types";
import { Composer } from "./Composer";
import { MessageRow } from "./MessageRow";

export function Thread({ channel, target, close }: { channel: Channel; target: string; close: () => void }) {
  const narrow = useNarrow();
  const body = <ThreadBody channel={channel} target={target} close={close} />;
  return narrow ? (
    <Dialog className="sheet sheet-full" label="Thread" close={close}>
      {body}
    </Dialog>
  ) : (
    body
  );
}

function ThreadBody({ channel, target, close }: { channel: Channel; target: string; close: () => void }) {
  const { look, me } = useActing();
  const { messages } = useTalk();
  const named = messages.find((message) => message.channel === channel.id && message.ts === target);
  const root = named?.thread_ts ?? target;
  const shown = useMemo(() => inThread(messages, channel.id, root), [messages, channel.id, root]);
  const end = useEnd(shown, me.id, named && isReply(named) ? target : "");
  const title = titleOf(look, channel, me.id);
  const pane = useRef<HTMLElement>(null);
  useEffect(() => pane.current?.querySelector("textarea")?.focus({ preventScroll: true }), [root]);
  const replies = shown.filter(isReply).length;
  return (
    <aside className="pane thread" aria-label={`Thread in ${title}`} ref={pane}>
      <header className="pane-head">
        <h2>
          Thread <span>{isDirect(channel) ? title : `#${title}`}</span>
        </h2>
        <button type="button" className="tool" aria-label="Close the thread" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="list" role="log" aria-label="Messages of the thread" tabIndex={0} ref={end.box} onScroll={end.scrolled}>
        <div className="list-inner" ref={end.content}>
          {shown.length === 0 && <p className="empty">This message is not there any more, or {me.name} may not see it.</p>}
          {shown.map((message) => (
            <div key={message.ts} className={message.ts === root ? "thread-root" : undefined}>
              <MessageRow message={message} inThread named={message.ts === target && isReply(message)} />
              {message.ts === root && (
                <div className="thread-count">
                  <span>{replies === 0 ? "No replies yet" : `${replies} ${replies === 1 ? "reply" : "replies"}`}</span>
                </div>
              )}
            </div>
          ))}
        </div>
      </div>
      {shown.length > 0 && (
        <Composer channel={channel.id} thread={root} label="Reply …" closed={channel.is_archived ? "The channel is archived." : ""} onSent={end.toEnd} />
      )}
    </aside>
  );
}
