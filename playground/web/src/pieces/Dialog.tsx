/** A modal dialog: the browser's own, which keeps the focus inside, makes the rest inert, and gives the focus back. */

import { useEffect, useRef, type KeyboardEvent, type MouseEvent, type ReactNode } from "react";

interface DialogProps {
  className: string;
  label?: string;
  labelledBy?: string;
  close: () => void;
  closesOutside?: boolean;
  children: ReactNode;
}

export function Dialog({ className, label, labelledBy, close, closesOutside = false, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const outside = (event: MouseEvent) => {
    if (closesOutside && event.target === box.current) close();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault(); // else the browser closes it by itself the second time
    event.stopPropagation();
    close();
  };
  return (
    <dialog
      ref={box}
      className={className}
      aria-label={label}
      aria-labelledby={labelledBy}
      onCancel={(event) => (event.preventDefault(), event.stopPropagation(), close())}
      onKeyDown={press}
      onMouseDown={outside}
    >
      {children}
    </dialog>
  );
}
