/** Keeps a list at its end while the person is there, and counts what comes while he is not. */

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Message } from "../wire/types";

const NEAR_PX = 60;

export function useEnd(messages: Message[], me: string, target: string) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const counted = useRef(messages.length);
  const [news, setNews] = useState(0);

  const toEnd = useCallback(() => {
    atEnd.current = true;
    setNews(0);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, []);

  const scrolled = useCallback(() => {
    const list = box.current;
    if (!list) return;
    atEnd.current = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
    if (atEnd.current) setNews(0);
  }, []);

  useLayoutEffect(() => {
    const named = target ? box.current?.querySelector(`[data-ts="${CSS.escape(target)}"]`) : null;
    if (named) {
      atEnd.current = false;
      named.scrollIntoView({ block: "center" });
      scrolled();
    } else toEnd();
  }, [target, toEnd, scrolled]);

  useLayoutEffect(() => {
    const fresh = messages.slice(counted.current).filter((message) => message.user !== me || message.only_for);
    counted.current = messages.length;
    if (atEnd.current) toEnd();
    else if (fresh.length) setNews((count) => count + fresh.length);
  }, [messages, me, toEnd]);

  useEffect(() => {
    if (!content.current || !box.current) return;
    const grown = new ResizeObserver(() => atEnd.current && toEnd()); // a picture or a block that came late
    grown.observe(content.current);
    grown.observe(box.current);
    return () => grown.disconnect();
  }, [toEnd]);

  return { box, content, news, toEnd, scrolled };
}
