/** The arithmetic of charts: ticks, positions, paths. Pure; lengths are pixels. */

export interface Point {
  label: string;
  value: number;
}

export interface Series {
  name: string;
  data: Point[];
}

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

/** The lowest of the values is close to the highest when it is this share of it: then zero would flatten the line. */
const CLOSE = 0.9;

/** Round numbers that enclose the values, about `wanted` of them, 1, 2, 2.5 or 5 times a power of ten apart. Zero is
 * among them unless the values lie close together, so that the axis of a growing line does not jump. */
export function scaleOf(values: number[], always: boolean, wanted = 5): Scale {
  const finite = values.filter(Number.isFinite);
  const fromZero = always || !areClose(finite);
  let low = Math.min(...finite, ...(fromZero ? [0] : []));
  let high = Math.max(...finite, ...(fromZero ? [0] : []));
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(low, low * 2), Math.max(high, high * 2, 0)].sort((a, b) => a - b) as [number, number];
  const step = stepOf((high - low) / Math.max(wanted - 1, 1));
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => rounded((first + at) * step));
  return { low: ticks[0] as number, high: ticks.at(-1) as number, ticks };
}

function areClose(values: number[]): boolean {
  const sizes = values.map(Math.abs);
  return Math.min(...sizes) > CLOSE * Math.max(...sizes);
}

function stepOf(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough * 0.999) ?? 10;
  return factor * power;
}

function rounded(value: number): number {
  return Number(value.toPrecision(12)) + 0; // no -0
}

/** Where a value stands between `from` (of the low end) and `to`. */
export function placed(value: number, scale: Scale, from: number, to: number): number {
  return from + ((value - scale.low) / (scale.high - scale.low)) * (to - from);
}

/** The middle of each category's share of the width, and how wide that share is. */
export function bands(count: number, from: number, to: number): { width: number; middle: (at: number) => number } {
  const width = (to - from) / Math.max(count, 1);
  return { width, middle: (at) => from + width * (at + 0.5) };
}

/** Each how-manieth label can be written without touching the next one. */
export function every(labels: string[], bandWidth: number, characterWidth = 6.5): number {
  const widest = Math.max(1, ...labels.map((label) => label.length)) * characterWidth + 10;
  return Math.max(1, Math.ceil(widest / bandWidth));
}

/** A line through the points that there are; it is broken where one is missing. */
export function linePath(points: ([number, number] | null)[]): string {
  let path = "";
  let drawing = false;
  for (const point of points) {
    if (point) path += `${drawing ? "L" : "M"}${short(point[0])} ${short(point[1])}`;
    drawing = point !== null;
  }
  return path;
}

/** The area between the points and the base line. */
export function areaPath(points: ([number, number] | null)[], base: number): string {
  let path = "";
  let run: [number, number][] = [];
  for (const point of [...points, null]) {
    if (point) run.push(point);
    else if (run.length) {
      path += `${linePath(run)}L${short(run.at(-1)![0])} ${short(base)}L${short(run[0]![0])} ${short(base)}Z`;
      run = [];
    }
  }
  return path;
}

export interface Slice {
  label: string;
  value: number;
  share: number;
  path: string;
}

/** The slices of a pie around (0, 0), clockwise from the top. Nothing below zero is drawn. */
export function slices(segments: Point[], radius: number, hole: number): Slice[] {
  const whole = segments.reduce((sum, { value }) => sum + Math.max(value, 0), 0);
  let from = 0;
  return segments.map(({ label, value }) => {
    const share = whole > 0 ? Math.max(value, 0) / whole : 0;
    const path = slicePath(from, from + share, radius, hole);
    from += share;
    return { label, value, share, path };
  });
}

function slicePath(from: number, to: number, radius: number, hole: number): string {
  if (to <= from) return "";
  const end = Math.min(to, from + 0.99999); // an arc from a point to itself is none
  const large = end - from > 0.5 ? 1 : 0;
  const [a, b, c, d] = [at(from, radius), at(end, radius), at(end, hole), at(from, hole)];
  return `M${a}A${radius} ${radius} 0 ${large} 1 ${b}L${c}A${hole} ${hole} 0 ${large} 0 ${d}Z`;
}

function at(turn: number, radius: number): string {
  const angle = turn * 2 * Math.PI - Math.PI / 2;
  return `${short(Math.cos(angle) * radius)} ${short(Math.sin(angle) * radius)}`;
}

function short(length: number): number {
  return Math.round(length * 100) / 100;
}

const NUMBER = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 4 });

export function written(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(1);
  return Math.abs(value) >= 10_000 ? COMPACT.format(value) : NUMBER.format(value);
}
