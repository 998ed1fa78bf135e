// The table of seats, what changes in it, and what may be chosen.
import { expect, test } from 'vitest';
import type { SeatFacts } from '../../shared/api';
import { seatOf } from './seat-id';
import { FREE, freeRows, HELD, merge, SOLD, seatAt, seatTable, sectionFacts } from './seats';
import { kept, toggle, total } from './selection';

const seat = (section: string, row: number, num: number, price: number, status = 'available'): SeatFacts => ({
  id: `${section}-${row}-${num}`,
  section,
  row,
  num,
  price,
  status,
});

const table = () =>
  seatTable([
    seat('Front', 1, 1, 900),
    seat('Front', 1, 2, 900, 'sold'),
    seat('Front', 2, 1, 900),
    seat('Balcony', 1, 1, 250),
    seat('Balcony', 1, 2, 250, 'held'),
  ]);

test('a table gives each seat back as it came', () => {
  expect(seatAt(table(), 1)).toEqual({ id: 'Front-1-2', section: 'Front', row: 1, num: 2, price: 900, status: SOLD });
  expect(seatAt(table(), 4)).toMatchObject({ section: 'Balcony', status: HELD });
});

test('a change is taken over once, and names what changed', () => {
  const hall = table();
  const change = {
    complete: false,
    version: 'a:2',
    seats: [seat('Front', 1, 1, 900, 'held'), seat('Balcony', 1, 1, 250)],
  };
  expect(merge(hall, change)).toEqual([0]);
  expect(hall.status[0]).toBe(HELD);
  expect(merge(hall, change)).toEqual([]);
});

test('another hall is not merged into this one', () => {
  expect(merge(table(), { complete: false, version: 'b:1', seats: [seat('Pit', 1, 1, 1)] })).toBeUndefined();
  expect(merge(table(), { complete: true, version: 'b:1', seats: [seat('Front', 1, 1, 900)] })).toBeUndefined();
  const same = [...table().ids.keys()].map((at) => ({ ...seatAt(table(), at), status: 'sold' }));
  const hall = table();
  expect(merge(hall, { complete: true, version: 'b:1', seats: same })).toEqual([0, 2, 3, 4]);
  expect([...hall.status].every((status) => status === SOLD)).toBe(true);
});

test('sections say what is free and what it costs', () => {
  expect(sectionFacts(table())).toEqual([
    { name: 'Front', index: 0, free: 2, seats: 3, min: 900, max: 900 },
    { name: 'Balcony', index: 1, free: 1, seats: 2, min: 250, max: 250 },
  ]);
});

test('the list has the rows with free seats, by section and by price', () => {
  expect(freeRows(table(), undefined, undefined).map(({ section, row, free }) => [section, row, free])).toEqual([
    [0, 1, [0]],
    [0, 2, [2]],
    [1, 1, [3]],
  ]);
  expect(freeRows(table(), 1, undefined)).toHaveLength(1);
  expect(freeRows(table(), undefined, 250)).toHaveLength(1);
  expect(freeRows(table(), 0, 250)).toEqual([]);
});

test('a seat is chosen and let go, up to the cap, and only where it is free', () => {
  const hall = table();
  expect(toggle(hall, [], 0, 2)).toEqual({ chosen: [0] });
  expect(toggle(hall, [0], 0, 2)).toEqual({ chosen: [] });
  expect(toggle(hall, [0], 1, 2)).toEqual({ chosen: [0], refused: 'taken' });
  expect(toggle(hall, [0, 2], 3, 2)).toEqual({ chosen: [0, 2], refused: 'cap' });
  // Letting go is possible at the cap, too.
  expect(toggle(hall, [0, 2], 2, 2)).toEqual({ chosen: [0] });
});

test('what others take leaves the choice, and the total is of what is left', () => {
  const hall = table();
  hall.status[0] = HELD;
  expect(kept(hall, [0, 3])).toEqual({ chosen: [3], lost: [0] });
  expect(total(hall, [2, 3])).toBe(1_150);
  expect(hall.status[3]).toBe(FREE);
});

test('a seat is read from its id', () => {
  expect(seatOf('Upper Tier-12-7')).toEqual({ section: 'Upper Tier', row: '12', num: '7' });
  expect(seatOf('odd')).toEqual({ section: 'odd', row: '', num: '' });
});
