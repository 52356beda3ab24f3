/** A pane on a narrow page: it slides over the talk, and Escape or a tap beside it closes it. */

import type { ReactNode } from "react";
import { Dialog } from "../pieces/Dialog";

interface SheetProps {
  side: "left" | "bottom";
  label: string;
  open: boolean;
  close: () => void;
  children: ReactNode;
}

export function Sheet({ side, label, open, close, children }: SheetProps) {
  if (!open) return null;
  return (
    <Dialog className={`sheet sheet-${side}`} label={label} close={close} closesOutside>
      {children}
    </Dialog>
  );
}
