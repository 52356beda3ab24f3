/** One channel or direct message: its head, its messages, its composer. */

import { useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../pieces/icons";
import { isDirect, nameOf, titleOf, useActing, useTalk } from "../state/acting";
import { stored } from "../state/stored";
import { inChannel, type Read } from "../state/talk";
import type { Channel } from "../wire/types";
import { Composer } from "./Composer";
import { MessageList } from "./MessageList";

export function ChannelPage({ channel, target }: { channel: Channel; target: string }) {
  const { look, me } = useActing();
  const title = titleOf(look, channel, me.id);
  const members = channel.members.map((id) => nameOf(look, id)).join(", ");
  return (
    <main className="talk">
      <header className="talk-head">
        <h1>
          {!isDirect(channel) && <Icon name={channel.is_private ? "lock" : "hash"} />}
          {title}
        </h1>
        <p title={members}>{channel.members.length} {channel.members.length === 1 ? "member" : "members"}<span className="only-wide"> · {members}</span></p>
      </header>
      <Talk channel={channel} target={target} />
    </main>
  );
}

let isFirst = true;

/** Who goes to a channel types there, where a keyboard is at hand; not at the first page, whose first stop is the skip link. */
function useComposerFocus(): void {
  useEffect(() => {
    const typing = window.matchMedia("(hover: hover)").matches && !document.querySelector(".thread");
    if (!isFirst && typing) document.querySelector<HTMLElement>(".talk .composer-text")?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
}

/** Messages and composer, as a channel and the Messages tab of the app have them. */
export function Talk({ channel, target }: { channel: Channel; target: string }) {
  const { look, me } = useActing();
  const { messages } = useTalk();
  useComposerFocus();
  const [readAtOpening] = useState(() => stored<Read>(`read.${me.id}`, {})[channel.id] ?? "");
  const shown = useMemo(() => inChannel(messages, channel.id), [messages, channel.id]);
  const down = useRef<() => void>(() => {});
  const name = `${isDirect(channel) ? "" : "#"}${titleOf(look, channel, me.id)}`;
  return (
    <>
      <MessageList channel={channel} messages={shown} target={target} unreadAfter={readAtOpening} label={`Messages in ${name}`} down={down} />
      <Composer
        channel={channel.id}
        label={`Message ${name}`}
        closed={channel.is_archived ? `${name} is archived: it can be read, and not written to.` : ""}
        onSent={() => down.current()}
      />
    </>
  );
}
