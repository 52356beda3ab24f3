/** Line and area charts. */

import { Axes, type Room } from "./Axes";
import type { Plot } from "./Chart";
import { areaPath, linePath, written, type Series } from "./scale";

export function Lines({ plot }: { plot: Plot }) {
  return (
    <Axes plot={plot}>
      {(room) => (
        <>
          {plot.series.map((one, at) => (
            <OneLine key={one.name} one={one} number={at + 1} plot={plot} room={room} />
          ))}
          <Readings plot={plot} room={room} />
        </>
      )}
    </Axes>
  );
}

function OneLine({ one, number, plot, room }: { one: Series; number: number; plot: Plot; room: Room }) {
  const points = plot.categories.map((label, at): [number, number] | null => {
    const value = one.data.find((point) => point.label === label)?.value;
    return value === undefined || !Number.isFinite(value) ? null : [room.band.middle(at), room.y(value)];
  });
  const base = room.y(Math.max(0, room.scale.low));
  const few = points.length <= 24;
  return (
    <g className={`series-${number}`}>
      {plot.kind === "area" && <path className="area" d={areaPath(points, base)} />}
      <path className="curve" d={linePath(points)} />
      {few && points.map((point, at) => point && <circle key={at} className="mark" cx={point[0]} cy={point[1]} r={3} />)}
    </g>
  );
}

/** What the pointer reads off at each category. */
function Readings({ plot, room }: { plot: Plot; room: Room }) {
  return plot.categories.map((label, at) => {
    const lines = plot.series.map((one) => `${one.name}: ${written(one.data.find((point) => point.label === label)?.value ?? Number.NaN)}`);
    return (
      <rect
        key={at}
        className="reading"
        x={room.band.middle(at) - room.band.width / 2}
        y={room.top}
        width={room.band.width}
        height={room.bottom - room.top}
      >
        <title>{[`${plot.xLabel} ${label}`.trim(), ...lines].join("\n")}</title>
      </rect>
    );
  });
}
