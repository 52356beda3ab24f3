/** The frame of a plot: grid, axes and their words, as wide as there is room. */

import { useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { described, type Plot } from "./Chart";
import { bands, every, placed, scaleOf, written, type Scale } from "./scale";

const HEIGHT = 240;
const AT_FIRST_WIDTH = 560;

/** The room for the plot itself, in pixels of the picture. */
export interface Room {
  left: number;
  right: number;
  top: number;
  bottom: number;
  scale: Scale;
  band: ReturnType<typeof bands>;
  y: (value: number) => number;
}

export function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(AT_FIRST_WIDTH);
  useLayoutEffect(() => {
    if (!box.current) return;
    const grown = new ResizeObserver(([entry]) => entry && setWidth(Math.max(220, Math.round(entry.contentRect.width))));
    grown.observe(box.current);
    return () => grown.disconnect();
  }, []);
  return [box, width];
}

export function Axes({ plot, children }: { plot: Plot; children: (room: Room) => ReactNode }) {
  const [box, width] = useWidth();
  const values = plot.series.flatMap((one) => one.data.map((point) => point.value));
  const scale = scaleOf(values, plot.kind !== "line");
  const widest = Math.max(...scale.ticks.map((tick) => written(tick).length));
  const left = widest * 7 + 12 + (plot.yLabel ? 18 : 0);
  const [right, top, bottom] = [width - 10, 8, HEIGHT - 24 - (plot.xLabel ? 18 : 0)];
  const band = bands(plot.categories.length, left, right);
  const room: Room = { left, right, top, bottom, scale, band, y: (value) => placed(value, scale, bottom, top) };
  return (
    <div className="chart-box" ref={box}>
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={described(plot)}>
        <Grid room={room} />
        {children(room)}
        <Words plot={plot} room={room} />
      </svg>
    </div>
  );
}

function Grid({ room }: { room: Room }) {
  return room.scale.ticks.map((tick) => (
    <g key={tick}>
      <line className={tick === 0 ? "axis" : "grid"} x1={room.left} x2={room.right} y1={room.y(tick)} y2={room.y(tick)} />
      <text className="tick" x={room.left - 6} y={room.y(tick)} dy="0.32em" textAnchor="end">
        {written(tick)}
      </text>
    </g>
  ));
}

function Words({ plot, room }: { plot: Plot; room: Room }) {
  const step = every(plot.categories, room.band.width);
  const middle = (room.top + room.bottom) / 2;
  return (
    <>
      {plot.categories.map(
        (label, at) =>
          at % step === 0 && (
            <text key={at} className="tick" x={room.band.middle(at)} y={room.bottom + 16} textAnchor="middle">
              {label}
            </text>
          ),
      )}
      {plot.xLabel && (
        <text className="axis-name" x={(room.left + room.right) / 2} y={room.bottom + 34} textAnchor="middle">
          {plot.xLabel}
        </text>
      )}
      {plot.yLabel && (
        <text className="axis-name" transform={`translate(12 ${middle}) rotate(-90)`} textAnchor="middle">
          {plot.yLabel}
        </text>
      )}
    </>
  );
}
