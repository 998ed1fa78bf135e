// A seat in words. Ticket and order name its parts where they are known.
import { say, t } from '../language';

type Seat = { section: string; row?: number | null; num?: number | null; seat_id: string };

export function seatText({ section, row, num, seat_id }: Seat): string {
  if (row === undefined || row === null || num === undefined || num === null) return seat_id;
  return say(t.value.common.seatShort, { section, row: String(row), num: String(num) });
}
