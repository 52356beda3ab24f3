/** Slack's dates: the tokens of `<!date^UNIX^FORMAT|fallback>` in the reader's time zone. Pure: the time is an argument. */

export interface Clock {
  /** Unix seconds. */
  now: number;
  /** An IANA name. */
  zone: string;
  /** Whether 6:39 PM or 18:39. */
  hour12: boolean;
}

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const DAY_SECONDS = 86_400;
const makers = new Map<string, Intl.DateTimeFormat>();

function maker(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = makers.get(key);
  if (!found) {
    try {
      found = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone });
    } catch {
      found = new Intl.DateTimeFormat("en-US", { ...options, timeZone: "UTC" }); // a zone that this browser does not know
    }
    makers.set(key, found);
  }
  return found;
}

const NUMBERS: Intl.DateTimeFormatOptions = {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
  hourCycle: "h23",
};

/** Year to second of a moment, as a clock on the wall of that zone shows them. */
export function partsOf(unix: number, zone: string): Parts {
  const found: Record<string, number> = {};
  for (const part of maker(zone, NUMBERS).formatToParts(unix * 1000)) found[part.type] = Number(part.value);
  return found as unknown as Parts;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** Days since 1970 by the calendar of that zone. */
function dayNumber(unix: number, zone: string): number {
  const { year, month, day } = partsOf(unix, zone);
  return Math.floor(Date.UTC(year, month - 1, day) / 1000 / DAY_SECONDS);
}

export function ordinal(day: number): string {
  const teen = day % 100 >= 11 && day % 100 <= 13;
  return day + (teen ? "th" : (["th", "st", "nd", "rd"][day % 10] ?? "th"));
}

function named(unix: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  return maker(zone, options).format(unix * 1000);
}

export function timeOf(unix: number, clock: Clock, seconds = false): string {
  const { hour, minute, second } = partsOf(unix, clock.zone);
  const tail = `:${two(minute)}${seconds ? `:${two(second)}` : ""}`;
  if (!clock.hour12) return two(hour) + tail;
  return `${hour % 12 || 12}${tail} ${hour < 12 ? "AM" : "PM"}`;
}

/** `today`, `yesterday`, `tomorrow`, or nothing. */
function near(unix: number, clock: Clock): string {
  const away = dayNumber(unix, clock.zone) - dayNumber(clock.now, clock.zone);
  return { "-1": "yesterday", "0": "today", "1": "tomorrow" }[String(away)] ?? "";
}

const SPANS: [number, string][] = [
  [365 * DAY_SECONDS, "year"],
  [30 * DAY_SECONDS, "month"],
  [DAY_SECONDS, "day"],
  [3600, "hour"],
  [60, "minute"],
];

export function ago(unix: number, now: number): string {
  const away = Math.abs(now - unix);
  const [length, name] = SPANS.find(([seconds]) => away >= seconds) ?? [1, "second"];
  if (away < 5) return "just now";
  const count = Math.floor(away / length);
  const span = `${count} ${name}${count === 1 ? "" : "s"}`;
  return unix <= now ? `${span} ago` : `in ${span}`;
}

function dated(unix: number, clock: Clock, form: "date" | "short" | "long" | "longFull" | "divider"): string {
  const { year, day } = partsOf(unix, clock.zone);
  const month = named(unix, clock.zone, { month: form === "short" ? "short" : "long" });
  const weekday = named(unix, clock.zone, { weekday: "long" });
  switch (form) {
    case "date":
      return `${month} ${ordinal(day)}, ${year}`;
    case "short":
    case "longFull":
      return `${month} ${day}, ${year}`;
    case "long":
      return `${weekday}, ${month} ${ordinal(day)}, ${year}`;
    case "divider": {
      const head = `${weekday}, ${month} ${ordinal(day)}`;
      return year === partsOf(clock.now, clock.zone).year ? head : `${head}, ${year}`;
    }
  }
}

type Drawer = (unix: number, clock: Clock) => string;

function numbered(unix: number, clock: Clock, between: string): string {
  const { year, month, day } = partsOf(unix, clock.zone);
  return between === "-" ? `${year}-${two(month)}-${two(day)}` : `${two(month)}/${two(day)}/${year}`;
}

const TOKENS: Record<string, Drawer> = {
  date_num: (unix, clock) => numbered(unix, clock, "-"),
  date_slash: (unix, clock) => numbered(unix, clock, "/"),
  date: (unix, clock) => dated(unix, clock, "date"),
  date_short: (unix, clock) => dated(unix, clock, "short"),
  date_long: (unix, clock) => dated(unix, clock, "long"),
  date_long_full: (unix, clock) => dated(unix, clock, "longFull"),
  date_pretty: (unix, clock) => near(unix, clock) || dated(unix, clock, "date"),
  date_short_pretty: (unix, clock) => near(unix, clock) || dated(unix, clock, "short"),
  date_long_pretty: (unix, clock) => near(unix, clock) || dated(unix, clock, "long"),
  day_divider_pretty: (unix, clock) => near(unix, clock) || dated(unix, clock, "divider"),
  time: (unix, clock) => timeOf(unix, clock),
  time_secs: (unix, clock) => timeOf(unix, clock, true),
  ago: (unix, clock) => ago(unix, clock.now),
};

/** A format with its tokens filled in; its first letter is a capital, as Slack has it. Unknown tokens stay as they are. */
export function slackDate(unix: number, format: string, clock: Clock): string {
  const text = format.replace(/\{(\w+)\}/g, (whole, name: string) => TOKENS[name]?.(unix, clock) ?? whole);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Whether the text of this format changes as time goes by. */
export function isRelative(format: string): boolean {
  return /\{(ago|\w*pretty)\}/.test(format);
}

/** The heading above the messages of one day. */
export function dayOf(unix: number, clock: Clock): string {
  return slackDate(unix, "{day_divider_pretty}", clock);
}

export function isSameDay(one: number, other: number, zone: string): boolean {
  return dayNumber(one, zone) === dayNumber(other, zone);
}

/** The Unix seconds at which a clock on the wall of that zone shows `2026-03-09T14:05`; null where that is no time. */
export function unixAt(local: string, zone: string): number | null {
  const asUtc = Date.parse(`${local}Z`) / 1000;
  if (Number.isNaN(asUtc)) return null;
  let found = asUtc;
  for (let turn = 0; turn < 2; turn++) {
    const shown = partsOf(found, zone);
    found += asUtc - Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) / 1000;
  }
  return found;
}

/** The other way round: what an input of type datetime-local shows. */
export function localAt(unix: number, zone: string): string {
  const { year, month, day, hour, minute } = partsOf(unix, zone);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`;
}
