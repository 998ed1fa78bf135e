// The seats of a sale in compact columns: a hall of 70,000 is a few arrays, not 70,000 objects.
import type { SeatFacts, Seats } from '../../shared/api';

export const FREE = 0;
export const HELD = 1;
export const SOLD = 2;

export type SeatTable = {
  ids: string[];
  /** Index into `sections`. */
  section: Uint16Array;
  row: Uint32Array;
  num: Uint32Array;
  price: Float64Array;
  status: Uint8Array;
  /** In the order in which the organiser gave them. */
  sections: string[];
  at: Map<string, number>;
};

export const statusCode = (name: string): number => (name === 'available' ? FREE : name === 'held' ? HELD : SOLD);

export function seatTable(seats: SeatFacts[]): SeatTable {
  const names = new Map<string, number>();
  const table: SeatTable = {
    ids: new Array<string>(seats.length),
    section: new Uint16Array(seats.length),
    row: new Uint32Array(seats.length),
    num: new Uint32Array(seats.length),
    price: new Float64Array(seats.length),
    status: new Uint8Array(seats.length),
    sections: [],
    at: new Map(),
  };
  for (const [i, seat] of seats.entries()) {
    let section = names.get(seat.section);
    if (section === undefined) {
      section = table.sections.push(seat.section) - 1;
      names.set(seat.section, section);
    }
    table.ids[i] = seat.id;
    table.section[i] = section;
    table.row[i] = seat.row;
    table.num[i] = seat.num;
    table.price[i] = seat.price;
    table.status[i] = statusCode(seat.status);
    table.at.set(seat.id, i);
  }
  return table;
}

/** Takes an answer of `?since=` over. Says which seats changed; undefined where the hall itself is another one. */
export function merge(table: SeatTable, answer: Seats): number[] | undefined {
  if (answer.complete && answer.seats.length !== table.ids.length) return undefined;
  const changed: number[] = [];
  for (const seat of answer.seats) {
    const at = table.at.get(seat.id);
    if (at === undefined) return undefined;
    const status = statusCode(seat.status);
    if (table.status[at] === status) continue;
    table.status[at] = status;
    changed.push(at);
  }
  return changed;
}

export type Seat = { id: string; section: string; row: number; num: number; price: number; status: number };

export function seatAt(table: SeatTable, at: number): Seat {
  return {
    id: table.ids[at] ?? '',
    section: table.sections[table.section[at] ?? 0] ?? '',
    row: table.row[at] ?? 0,
    num: table.num[at] ?? 0,
    price: table.price[at] ?? 0,
    status: table.status[at] ?? SOLD,
  };
}

export type SectionFacts = { name: string; index: number; free: number; seats: number; min: number; max: number };

/** Of each section: how many are free, and what a seat costs. */
export function sectionFacts(table: SeatTable): SectionFacts[] {
  const facts = table.sections.map((name, index) => ({ name, index, free: 0, seats: 0, min: Infinity, max: 0 }));
  for (let i = 0; i < table.ids.length; i++) {
    const fact = facts[table.section[i] ?? 0];
    if (!fact) continue;
    const price = table.price[i] ?? 0;
    fact.seats++;
    if (table.status[i] === FREE) fact.free++;
    fact.min = Math.min(fact.min, price);
    fact.max = Math.max(fact.max, price);
  }
  return facts;
}

export type RowFacts = { section: number; row: number; price: number; free: number[] };

/** Rows with free seats, in the hall's order; a row of two prices is two lines. */
export function freeRows(table: SeatTable, section: number | undefined, price: number | undefined): RowFacts[] {
  const rows = new Map<string, RowFacts>();
  for (let i = 0; i < table.ids.length; i++) {
    if (table.status[i] !== FREE) continue;
    const of = table.section[i] ?? 0;
    const costs = table.price[i] ?? 0;
    if ((section !== undefined && of !== section) || (price !== undefined && costs !== price)) continue;
    const row = table.row[i] ?? 0;
    const key = `${of} ${row} ${costs}`;
    const known = rows.get(key);
    if (known) known.free.push(i);
    else rows.set(key, { section: of, row, price: costs, free: [i] });
  }
  return [...rows.values()];
}
