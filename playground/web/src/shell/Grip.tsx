/** The edge of the thread, which a pointer or the arrow keys move. */

import { useEffect, type KeyboardEvent, type PointerEvent } from "react";
import { useStored } from "../state/stored";

const AT_FIRST_PX = 420;
const NARROWEST_PX = 320;
const KEY_STEP_PX = 24;
const LEFT_FOR_TALK_PX = 480;

function fitting(width: number): number {
  return Math.round(Math.max(NARROWEST_PX, Math.min(width, window.innerWidth - LEFT_FOR_TALK_PX)));
}

export function Grip() {
  const [width, setWidth] = useStored("thread-width", AT_FIRST_PX);
  useEffect(() => {
    const style = document.documentElement.style;
    style.setProperty("--thread-width", `${fitting(width)}px`);
    return () => void style.removeProperty("--thread-width");
  }, [width]);
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const right = event.currentTarget.parentElement?.getBoundingClientRect().right ?? 0;
    setWidth(fitting(right - event.clientX));
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: KEY_STEP_PX, ArrowRight: -KEY_STEP_PX }[event.key];
    if (step) setWidth(fitting(width + step));
  };
  return (
    <div
      className="grip"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the thread"
      aria-valuenow={width}
      aria-valuemin={NARROWEST_PX}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={press}
    />
  );
}
