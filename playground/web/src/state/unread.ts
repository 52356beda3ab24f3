/** Up to where a person has read, by channel; kept in this browser. */

import { useEffect, useMemo } from "react";
import type { Message } from "../wire/types";
import { useStored } from "./stored";
import { newest, unread, unix, type Read } from "./talk";

const NOTHING: Read = {};

/** Counts by channel; the channel in front of the person counts as read while the page is seen. */
export function useUnread(me: string, messages: Message[], open: string): { counts: Record<string, number>; read: Read } {
  const [read, setRead] = useStored<Read>(`read.${me}`, NOTHING);
  const counts = useMemo(() => unread(messages, me, read), [messages, me, read]);
  useEffect(() => {
    const mark = () => {
      const last = open ? newest(messages, open) : "";
      if (!last || document.visibilityState === "hidden") return;
      if (unix(last) > unix(read[open] ?? "0")) setRead({ ...read, [open]: last });
    };
    mark();
    document.addEventListener("visibilitychange", mark);
    return () => document.removeEventListener("visibilitychange", mark);
  }, [messages, open, read, setRead]);
  return { counts, read };
}
