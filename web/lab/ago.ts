// How long ago something was, in words: "just now", "12 min ago", then the day.
import { serverNow } from '../shared/clock';
import { dateTime } from '../shared/format';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function ago(instant: string, now = serverNow()): string {
  const ms = now - Date.parse(instant);
  if (ms < MINUTE) return 'just now';
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return dateTime(instant);
}
