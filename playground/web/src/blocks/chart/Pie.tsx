/** Pie charts, as a ring; each slice with its share in words. */

import { slices, written, type Point } from "./scale";

const RADIUS = 90;
const HOLE = 52;

export function Pie({ segments }: { segments: Point[] }) {
  const found = slices(segments, RADIUS, HOLE);
  const words = found.map(({ label, share }) => `${label} ${Math.round(share * 100)} %`).join(", ");
  return (
    <div className="pie">
      <svg width={RADIUS * 2 + 4} height={RADIUS * 2 + 4} viewBox={`${-RADIUS - 2} ${-RADIUS - 2} ${RADIUS * 2 + 4} ${RADIUS * 2 + 4}`} role="img" aria-label={`pie chart: ${words}`}>
        {found.map(({ label, value, path }, at) => (
          <path key={label} className={`slice series-${at + 1}`} d={path}>
            <title>{`${label}: ${written(value)}`}</title>
          </path>
        ))}
      </svg>
      <ul className="legend">
        {found.map(({ label, value, share }, at) => (
          <li key={label}>
            <span className={`swatch series-${at + 1}`} aria-hidden="true" />
            {label} <b>{written(value)}</b> <span className="share">{Math.round(share * 100)} %</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
