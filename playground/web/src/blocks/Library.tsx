/** Blocks that slack-blocks-to-jsx draws, with our words for people, channels, dates and emoji. In a chunk of its own. */

import { useLayoutEffect, useMemo, useRef } from "react";
import { Message, type Block as LibraryBlock } from "slack-blocks-to-jsx";
import "slack-blocks-to-jsx/dist/style.css";
import "../style/library.css";
import { nameOf, useActing } from "../state/acting";
import { useTheme } from "../state/theme";
import { ChannelLink, Emoji, Link, Person, SlackDate } from "../text/Rich";
import type { Block } from "../wire/types";

type Hooks = NonNullable<React.ComponentProps<typeof Message>["hooks"]>;

const HOOKS: Hooks = {
  user: ({ id }) => <Person id={id} />,
  channel: ({ id, name }) => <ChannelLink id={id} label={name} />,
  usergroup: ({ id, name }) => <span className="mention">@{name || id}</span>,
  atChannel: () => <span className="mention mention-all">@channel</span>,
  atEveryone: () => <span className="mention mention-all">@everyone</span>,
  atHere: () => <span className="mention mention-all">@here</span>,
  emoji: ({ name, skin_tone }) => {
    const whole = skin_tone && skin_tone > 1 ? `${name}::skin-tone-${skin_tone}` : name;
    return <Emoji name={whole} typed={`:${name}:`} />;
  },
  date: ({ timestamp, format, link, fallback }) => (
    <SlackDate unix={Number(timestamp)} format={format} url={link ?? undefined} fallback={fallback} />
  ),
  link: ({ href, children }) => <Link url={href}>{children}</Link>,
};

export default function Library({ block }: { block: Block }) {
  const { look } = useActing();
  const [theme] = useTheme();
  const data = useMemo(
    () => ({
      users: look.users.map(({ id }) => ({ id, name: nameOf(look, id) })),
      channels: look.channels.map(({ id, name }) => ({ id, name })),
    }),
    [look],
  );
  const blocks = useMemo(() => {
    const { block_id: _, ...nameless } = block; // it would become an id of the page, where another message has the same
    return [nameless as unknown as LibraryBlock];
  }, [block]);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current) mend(box.current);
  });
  return (
    <div ref={box}>
      <Message
        className="by-library"
        blocks={blocks}
        name=""
        logo=""
        theme={theme}
        data={data}
        hooks={HOOKS}
        withoutWrapper
      />
    </div>
  );
}

/** What the library's HTML needs for the keyboard and for screen readers. */
function mend(box: HTMLElement): void {
  for (const pre of box.querySelectorAll("pre")) {
    pre.tabIndex = 0;
    showEnd(pre);
  }
  for (const check of box.querySelectorAll<HTMLInputElement>("input[type=checkbox]")) {
    check.disabled = true;
    check.ariaLabel = check.parentElement?.textContent?.trim() || "Task";
  }
}

/** Shows the end of a program's output, where the newest lines are; one who has scrolled up stays there. */
function showEnd(pre: HTMLElement): void {
  const before = Number(pre.dataset.end ?? 0);
  if (before === 0 || pre.scrollTop + pre.clientHeight >= before - 4) pre.scrollTop = pre.scrollHeight;
  pre.dataset.end = String(pre.scrollHeight);
}
