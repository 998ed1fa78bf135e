// Times as a venue's wall clock shows them, and the instants they mean. Twice a year an hour is missing or comes twice.

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WALL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?$/;

const formats = new Map<string, Intl.DateTimeFormat>();

function wallFormat(zone: string): Intl.DateTimeFormat {
  const found = formats.get(zone);
  if (found) return found;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  formats.set(zone, made);
  return made;
}

/** How far the zone's clocks are ahead of UTC at that instant, in milliseconds. */
export function offsetMs(instant: number, zone: string): number {
  const parts = new Map(
    wallFormat(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return wall - Math.floor(instant / 1_000) * 1_000;
}

/** `2027-03-14T02:30` as if it were UTC; none for what is no date of the calendar. */
function asUtc(wall: string): number | undefined {
  const [, ...digits] = WALL.exec(wall) ?? [];
  const [year, month, day, hour, minute] = digits.map(Number);
  if (year === undefined || month === undefined || day === undefined || hour === undefined || minute === undefined)
    return undefined;
  const at = Date.UTC(year, month - 1, day, hour, minute);
  // The 31st of February would be a day in March.
  return new Date(at).toISOString().startsWith(wall.slice(0, 16)) ? at : undefined;
}

export type Meant =
  | { kind: 'one'; instant: number }
  /** Clocks go back: it comes twice, the earlier one first. */
  | { kind: 'two'; instants: [number, number] }
  /** Clocks go forward over it: what they show when they jump, and what they jump to. */
  | { kind: 'none'; before: string; after: string }
  | { kind: 'unreadable' };

/** What a wall-clock time such as `2027-03-14T02:30` means in a zone. */
export function meant(wall: string, zone: string): Meant {
  const utc = asUtc(wall);
  if (utc === undefined) return { kind: 'unreadable' };
  const offsets = new Set([-DAY_MS, 0, DAY_MS].map((away) => offsetMs(utc + away, zone)));
  const found = [...offsets].map((offset) => utc - offset).filter((at) => at + offsetMs(at, zone) === utc);
  const [first, second] = [...new Set(found)].sort((a, b) => a - b);
  if (first === undefined) return gap(utc, zone);
  if (second === undefined) return { kind: 'one', instant: first };
  return { kind: 'two', instants: [first, second] };
}

/** The instant at which the clocks jump over this time lies between what the two offsets make of it. */
function gap(utc: number, zone: string): Meant {
  const before = offsetMs(utc - DAY_MS, zone);
  let [early, late] = [utc - DAY_MS - before, utc + DAY_MS - before];
  while (late - early > MINUTE_MS) {
    const middle = Math.floor((early + late) / 2 / MINUTE_MS) * MINUTE_MS;
    if (middle === early) break;
    if (offsetMs(middle, zone) === before) early = middle;
    else late = middle;
  }
  return { kind: 'none', before: new Date(late + before).toISOString().slice(0, 16), after: wallOf(late, zone) };
}

/** What the zone's clocks show: `2027-03-14T03:30`, as a field for a date and a time takes it. */
export const wallOf = (instant: number, zone: string): string =>
  new Date(instant + offsetMs(instant, zone)).toISOString().slice(0, 16);

/** `UTC+05:30`. */
export function offsetName(instant: number, zone: string): string {
  const minutes = Math.round(offsetMs(instant, zone) / MINUTE_MS);
  const two = (n: number) => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Every zone that this browser knows; UTC is not always among them. */
export function zones(): string[] {
  const known = Intl.supportedValuesOf('timeZone');
  return known.includes('UTC') ? known : [...known, 'UTC'];
}

export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
