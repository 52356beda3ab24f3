/** What belongs to one tab, such as who acts in it: a new tab begins with what was last chosen in any. */

import { useCallback, useState } from "react";
import { PREFIX, store, stored } from "./stored";

function tab(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null; // forbidden in this browser
  }
}

function keep(key: string, value: string): string {
  try {
    tab()?.setItem(PREFIX + key, value);
  } catch {
    // full or forbidden: the value lives as long as the page
  }
  return value;
}

let own = "";

/** Which window or tab this is: a form opens only in the one in which the person acted, and is there after a reload. */
export function windowId(): string {
  own ||= tab()?.getItem(PREFIX + "window") || Math.random().toString(36).slice(2);
  return keep("window", own);
}

export function useOfTab(key: string, fallback: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => keep(key, tab()?.getItem(PREFIX + key) ?? stored(key, fallback)));
  const choose = useCallback(
    (fresh: string) => {
      setValue(keep(key, fresh));
      store(key, fresh);
    },
    [key],
  );
  return [value, choose];
}
