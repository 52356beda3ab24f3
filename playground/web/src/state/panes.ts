/** Which panes are open. On a wide page guide and recorder remember it; on a narrow one they are sheets that begin closed. */

import { useMemo, useState } from "react";
import { useStored } from "./stored";

export type Pane = "guide" | "recorder" | "channels";
export type Open = Record<Pane, boolean>;

const AT_FIRST: Open = { guide: true, recorder: false, channels: false };
const CLOSED: Open = { guide: false, recorder: false, channels: false };

export interface Panes {
  open: Open;
  set: (pane: Pane, open: boolean) => void;
  /** Closes the topmost sheet; on a wide page panes stay, as they cover nothing. */
  closeOne: () => void;
}

export function usePanes(narrow: boolean): Panes {
  const [kept, setKept] = useStored("panes", AT_FIRST);
  const [sheets, setSheets] = useState(CLOSED);
  return useMemo(() => {
    const open = narrow ? sheets : { ...kept, channels: false };
    const set = (pane: Pane, value: boolean) => {
      if (open[pane] === value) return;
      if (narrow) setSheets({ ...CLOSED, [pane]: value });
      else setKept({ ...kept, [pane]: value });
    };
    return { open, set, closeOne: () => narrow && setSheets(CLOSED) };
  }, [narrow, kept, sheets, setKept]);
}
