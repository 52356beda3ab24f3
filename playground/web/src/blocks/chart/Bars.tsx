/** Bar charts: the series of a category side by side. */

import { Axes, type Room } from "./Axes";
import type { Plot } from "./Chart";
import { written } from "./scale";

export function Bars({ plot }: { plot: Plot }) {
  return (
    <Axes plot={plot}>
      {(room) => plot.categories.map((label, at) => <Cluster key={at} label={label} at={at} plot={plot} room={room} />)}
    </Axes>
  );
}

function Cluster({ label, at, plot, room }: { label: string; at: number; plot: Plot; room: Room }) {
  const count = Math.max(plot.series.length, 1);
  const width = Math.min((room.band.width * 0.72) / count, 44);
  const left = room.band.middle(at) - (width * count) / 2;
  const base = room.y(0);
  return plot.series.map((one, number) => {
    const value = one.data.find((point) => point.label === label)?.value;
    if (value === undefined || !Number.isFinite(value)) return null;
    const end = room.y(value);
    return (
      <rect
        key={one.name}
        className={`bar series-${number + 1}`}
        x={left + width * number + 0.5}
        y={Math.min(base, end)}
        width={Math.max(width - 1, 1)}
        height={Math.max(Math.abs(end - base), 0.5)}
      >
        <title>{`${label}\n${one.name}: ${written(value)}`}</title>
      </rect>
    );
  });
}
