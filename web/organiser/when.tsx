// A time as the venue's clocks show it, where this browser knows the venue's zone; else as its own clocks do. Always with
// the distance from UTC, so that nobody has to guess.
import { texts } from './texts';
import { offsetName, ownZone } from './zone';

const KEPT_AS = 'traffic_zones';

function kept(): Record<string, string> {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? '{}');
    return typeof read === 'object' && read !== null ? (read as Record<string, string>) : {};
  } catch {
    return {};
  }
}

/** The zone in which an event was created here. The server keeps instants alone. */
export function keepZone(event: string, zone: string): void {
  localStorage.setItem(KEPT_AS, JSON.stringify({ ...kept(), [event]: zone }));
}

export function zoneOf(event: string): string {
  const zone = kept()[event];
  try {
    return zone ? new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone : ownZone();
  } catch {
    return ownZone();
  }
}

const DAY: Intl.DateTimeFormatOptions = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' };
const TIME: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

/** `Sat 18 Jan 2027, 19:30`. */
export const clockText = (at: string | number, timeZone: string, withSeconds = false): string =>
  new Intl.DateTimeFormat('en-GB', {
    ...DAY,
    ...TIME,
    ...(withSeconds ? { second: '2-digit' } : {}),
    timeZone,
  })
    .format(new Date(at))
    .replace(/^(\w+),/, '$1');

type Props = {
  at: string;
  event: string;
  seconds?: boolean;
  /** Without the distance from UTC, where it is said once for many. */
  bare?: boolean;
};

export function When({ at, event, seconds, bare }: Props) {
  const zone = zoneOf(event);
  return (
    <time dateTime={at} title={`${zone} · ${new Date(at).toISOString()}`}>
      {clockText(at, zone, seconds)}
      {!bare && <span class="zone"> {offsetName(Date.parse(at), zone)}</span>}
    </time>
  );
}

/** In which zone the times of a table are. */
export function ZoneNote({ event }: { event: string }) {
  const zone = zoneOf(event);
  return <p class="soft small">{texts.zoneNote(zone, offsetName(Date.now(), zone))}</p>;
}
