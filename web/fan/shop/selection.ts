// Which seats a fan has chosen, and what may be chosen.
import { FREE, type SeatTable } from './seats';

export type Choice = { chosen: number[]; refused?: 'cap' | 'taken' };

/** Chooses a seat, or lets it go. */
export function toggle(table: SeatTable, chosen: number[], seat: number, cap: number): Choice {
  if (chosen.includes(seat)) return { chosen: chosen.filter((other) => other !== seat) };
  if (table.status[seat] !== FREE) return { chosen, refused: 'taken' };
  if (chosen.length >= cap) return { chosen, refused: 'cap' };
  return { chosen: [...chosen, seat] };
}

/** After a change in the hall: what is still free, and what has gone to others. */
export function kept(table: SeatTable, chosen: number[]): { chosen: number[]; lost: number[] } {
  const isFree = (seat: number) => table.status[seat] === FREE;
  return { chosen: chosen.filter(isFree), lost: chosen.filter((seat) => !isFree(seat)) };
}

export const total = (table: SeatTable, chosen: number[]): number =>
  chosen.reduce((sum, seat) => sum + (table.price[seat] ?? 0), 0);
